"""An index of digits, made as the pipeline makes it, but without Beam."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.components.tiny_models import digit_images, random_kernel, save_model, write_examples
from tfx_contrastive.components.embedding_gen import transforms
from tfx_contrastive.components.embedding_gen.files import embed_file
from tfx_contrastive.components.embeddings.former import FormerVectors
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.components.similarity_index_gen.index import build_from_embeddings

KERNEL = random_kernel(4)


@dataclasses.dataclass(frozen=True)
class Indexed:
    images: npt.NDArray[Any]
    labels: list[Any]
    index_uri: str
    model_dir: str


def make_index(root: Any, kernel: Any = KERNEL) -> Indexed:
    images, names = digit_images(120)
    labels = [name if row % 2 else None for row, name in enumerate(names)]
    write_examples(root / "examples" / "Split-train" / "data-0", images[:70], labels[:70])
    write_examples(root / "examples" / "Split-eval" / "data-0", images[70:], labels[70:])
    head = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
    model_dir = save_model(root / "model", kernel, head, ["even", "odd"])
    examples, uri = str(root / "examples"), str(root / "embeddings")
    splits = {split: [f"{examples}/Split-{split}"] for split in ("train", "eval")}
    model = ServedModel(model_dir)
    tasks = transforms.tasks_for(examples, splits, uri)
    counts = [embed_file(task, model, FormerVectors(""), 32) for task in tasks]
    transforms.finish(counts, model_dir, examples, uri)
    build_from_embeddings(uri, IndexConfig()).save(str(root / "index"))
    return Indexed(images, labels, str(root / "index"), model_dir)


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    return make_index(tmp_path_factory.mktemp("indexed"))
