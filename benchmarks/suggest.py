"""100 suggested labels compared with 100 random ones, and planted label errors, on a Fashion-MNIST run.

    make run
    python -m benchmarks.suggest [ROOT]     # default: runs/fashion-mnist

Every figure is measured on `test`, with a linear probe, mean of five seeds; the method was chosen on `eval`
(docs/suggest.md). From the second row on, the encoder is the Pretrainer's, which was trained without labels.
"""

import sys
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.prepared import finished_run, output_uri
from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.embeddings.store import read_images
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.consumers.suggestions import choosing
from tfx_contrastive.pipeline.config import PipelineConfig

_SEEDS = range(5)
_NUM = 100
_WRONG = 0.05


def main(root: str = "") -> None:
    """Print the rows of the table."""
    config, run = finished_run(root)
    uri = output_uri(run, "EmbeddingGen", "embeddings")
    rows, vectors = store.read_all(uri)
    truth = true_labels(config)
    names = np.array([truth[source] for source in rows["source"].to_pylist()], object)
    splits = np.array(rows["split"].to_pylist())
    labeled = np.array([label is not None for label in rows["label"].to_pylist()])
    pretrained = embed(rows, uri, f"{output_uri(run, 'Pretrainer', 'model')}/Format-Serving")
    print("| start | 100 random | 100 suggested | difference |\n|---|---|---|---|")
    compare_choices("the run's labels, its encoder", vectors, names, splits, labeled, None)
    for per_class in (60, 10, 0):
        title = f"{per_class} per class, pretrained encoder" if per_class else "no label, pretrained encoder"
        compare_choices(title, pretrained, names, splits, labeled, per_class)
    print("\n| labels | planted errors | precision at 100 |\n|---|---|---|")
    for split in ("eval", "test"):
        found = [plant_and_find(vectors, names, splits == split, seed) for seed in _SEEDS]
        print(f"| {split}, {(splits == split).sum():,} | {_WRONG:.0%} | {spread(found)} |", flush=True)


def true_labels(config: PipelineConfig) -> dict[str, str]:
    """Return the class name by source, including the labels that the budget hides."""
    adapter = adapter_for(config.data.source, config.data.max_file_bytes)
    with tempfile.TemporaryDirectory() as scratch:
        parts = adapter.chunks(scratch, 10_000)
    return {
        f"{part.name}/{number}": label
        for part in parts
        for number, label in enumerate(part.labels, part.start)
    }


def embed(rows: pa.Table, uri: str, model_dir: str) -> npt.NDArray[Any]:
    """Embed the same images with another encoder."""
    places = [rows[name].to_pylist() for name in ("image_id", "examples_file", "record")]
    images = read_images(store.read_meta(uri).examples_uri, zip(*places, strict=True))
    return ServedModel(model_dir).embed([images[image_id] for image_id in places[0]])


def compare_choices(
    title: str,
    vectors: npt.NDArray[Any],
    names: npt.NDArray[Any],
    splits: npt.NDArray[Any],
    labeled: npt.NDArray[Any],
    per_class: int | None,
) -> None:
    """Print one row: accuracy on test with 100 more labels, chosen at random and by suggestion."""
    train, test = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")
    random: list[float] = []
    suggested: list[float] = []
    for seed in _SEEDS:
        generator = np.random.default_rng(seed)
        known = np.flatnonzero(labeled & (splits == "train"))
        if per_class is not None:
            classes = np.unique(names)
            own = (generator.permutation(known[names[known] == name])[:per_class] for name in classes)
            known = np.concatenate(list(own))
        pool = np.setdiff1d(train, known)
        choice = choosing.choose(vectors[pool], vectors[known], names[known], _NUM, seed)
        for chosen, scores in (
            (generator.choice(len(pool), _NUM, replace=False), random),
            (choice.rows, suggested),
        ):
            learned = np.concatenate([known, pool[chosen]])
            fitted = choosing.fit_classifier(vectors[learned], names[learned])
            scores.append(fitted.score(vectors[test], names[test]))
    gain = np.mean(suggested) - np.mean(random)
    print(f"| {title} | {spread(random)} | {spread(suggested)} | {gain:+.4f} |", flush=True)


def plant_and_find(
    vectors: npt.NDArray[Any], names: npt.NDArray[Any], members: npt.NDArray[Any], seed: int
) -> float:
    """Give some labels a random other class; return the precision of the first 100 errors that are found."""
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(members)
    classes, codes = np.unique(names[rows], return_inverse=True)
    wrong = generator.choice(len(rows), int(_WRONG * len(rows)), replace=False)
    codes[wrong] = (codes[wrong] + generator.integers(1, len(classes), len(wrong))) % len(classes)
    found = choosing.find_suspects(vectors[rows], classes[codes], _NUM, seed)
    return float(np.isin(found.rows, wrong).mean())


def spread(values: list[float]) -> str:
    """Return mean and standard deviation over the seeds."""
    return f"{np.mean(values):.4f} ± {np.std(values):.4f}"


if __name__ == "__main__":
    main(*sys.argv[1:2])
