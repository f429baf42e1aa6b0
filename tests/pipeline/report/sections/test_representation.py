import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.pipeline.report.examples import CLASSES, NUM_IMAGES, example_record, example_seen
from tfx_contrastive.pipeline.report.sections.representation import _nearest, collect_representation
from tfx_contrastive.pipeline.report.thumbnails import Atlas


def collect(seen: Any) -> Any:
    return collect_representation(example_record(seen=seen), Atlas(16), Atlas(32))


def test_neighbors_are_those_of_a_full_sort() -> None:
    embeddings = np.random.default_rng(0).normal(size=(1_500, 4)).astype(np.float32)
    indices, cosines = _nearest(embeddings, 3)
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -np.inf)
    expected = np.argsort(-similarity, axis=1)[:, :3]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(cosines, np.take_along_axis(similarity, expected, axis=1), rtol=1e-5)


def test_rows_have_a_query_of_each_class_then_the_worst() -> None:
    found = collect(example_seen())
    typical = [row for row in found.rows if not row.worst]
    worst = [row for row in found.rows if row.worst]
    assert {row.query.label for row in typical} == set(CLASSES)
    agreement = [sum(each.agrees for each in row.neighbors) for row in worst]
    assert agreement == sorted(agreement)
    for row in found.rows:
        assert row.query.source not in {each.source for each in row.neighbors}
        similarity = [each.similarity for each in row.neighbors]
        assert similarity == sorted(similarity, reverse=True)


def test_the_map_has_every_image_under_each_method() -> None:
    found = collect(example_seen()).map
    assert {method: points.shape for method, points in found.layouts.items()} == {
        "PCA": (NUM_IMAGES, 2),
        "t-SNE": (NUM_IMAGES, 2),
    }
    assert 0 < found.explained <= 1


def test_without_labels_nothing_agrees_and_nothing_is_predicted() -> None:
    seen = example_seen()
    sample = dataclasses.replace(seen.sample, split="train", labels=(None,) * NUM_IMAGES)
    found = collect(dataclasses.replace(seen, sample=sample, predictions=None))
    assert {each.agrees for row in found.rows for each in row.neighbors} == {None}
    assert found.map.predicted == ()


@pytest.mark.parametrize("count", [1, 4])
def test_too_few_images_have_no_map(count: Any) -> None:
    seen = example_seen()
    sample = dataclasses.replace(
        seen.sample,
        ids=seen.sample.ids[:count],
        labels=seen.sample.labels[:count],
        encoded=seen.sample.encoded[:count],
        sources=seen.sample.sources[:count],
    )
    found = collect(dataclasses.replace(seen, sample=sample, embeddings=seen.embeddings[:count]))
    assert found.map is None
    assert len(found.rows) == (0 if count == 1 else 7)


def test_collapsed_embeddings_have_a_map_all_the_same() -> None:
    seen = example_seen()
    collapsed = np.ones_like(seen.embeddings) / np.sqrt(seen.embeddings.shape[1])
    found = collect(dataclasses.replace(seen, embeddings=collapsed))
    assert set(found.map.layouts) == {"PCA"}
