"""Training data of the drift check: digits, their embeddings and statistics."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv

from tests.components.tiny_models import (
    digit_images,
    embed_with,
    image_id,
    random_kernel,
    save_model,
    write_examples,
)
from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.consumers.drift import samples

NUM_TRAIN = 1_000


@dataclasses.dataclass(frozen=True)
class Training:
    embeddings_uri: str
    statistics_dir: str
    model: ServedModel
    encoder: ServedModel
    new_images: npt.NDArray[Any]
    new_labels: list[str]


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    root: pathlib.Path = tmp_path_factory.mktemp("training")
    order = np.random.default_rng(0).permutation(1797)  # the file itself drifts: each writer has a part of it
    images, labels = digit_images()
    images, labels = images[order], [labels[row] for row in order]
    kernel = random_kernel(3, 24)
    class_names = sorted(set(labels))
    vectors = embed_with(kernel, images[:NUM_TRAIN])
    targets = np.eye(len(class_names))[[class_names.index(label) for label in labels[:NUM_TRAIN]]]
    head = (10 * np.linalg.lstsq(vectors, targets, rcond=None)[0]).astype(np.float32)
    model_dir = save_model(root / "model", kernel, head, class_names)
    model = ServedModel(model_dir)
    encoder = ServedModel(save_model(root / "encoder", kernel))
    write_examples(root / "examples" / "Split-train" / "data-0", images[:NUM_TRAIN], labels[:NUM_TRAIN])
    write_embeddings(
        root / "embeddings", vectors, images, model.fingerprint, model_dir, str(root / "examples")
    )
    columns = samples._columns([image[..., None] for image in images[:NUM_TRAIN]], SeenAs())
    statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame(dict(columns)))
    folder = root / "statistics" / "Split-train"
    folder.mkdir(parents=True)
    (folder / "FeatureStats.pb").write_bytes(statistics.SerializeToString())
    return Training(
        str(root / "embeddings"), str(folder), model, encoder, images[NUM_TRAIN:], labels[NUM_TRAIN:]
    )


def write_embeddings(
    path: Any, vectors: Any, images: Any, fingerprint: Any, model_dir: Any, examples_uri: Any
) -> None:
    num, dim = vectors.shape
    half = num // 2
    for number, rows in enumerate((range(half), range(half, num))):
        values = {
            "image_id": [image_id(images[row]) for row in rows],
            "source": [f"{row}" for row in rows],
            "split": ["train"] * len(rows),
            "label": [None] * len(rows),
            "examples_file": ["Split-train/data-0"] * len(rows),
            "record": list(rows),
        }
        table = pa.table(
            {**values, "vector": store.vector_column(vectors[list(rows)])}, schema=store.schema(dim)
        )
        store.write_shard([table], f"{path}/shards/train-{number:05d}-of-00002.parquet")
    meta = store.Meta(fingerprint, dim, {"train": num}, {"train": 0}, num, 0, examples_uri, model_dir)
    store.write_meta(meta, str(path))
