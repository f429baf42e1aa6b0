"""Embeddings artifacts made by hand."""

import pathlib
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_contrastive.components.embeddings import store

DIM = 8


def write_embeddings(
    path: pathlib.Path | str,
    num_images: dict[str, int],
    fingerprint: str = "f" * 64,
    seed: int = 0,
    examples_uri: str = "/examples",
    model_dir: str = "/model",
) -> tuple[Any, Any]:
    """Write an artifact with one shard per split; return its vectors and image ids, row by row."""
    generator = np.random.default_rng(seed)
    all_vectors, all_ids = [], []
    for split in sorted(num_images):
        num = num_images[split]
        vectors = generator.normal(size=(num, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ids = [f"{split}{row}".encode().hex().ljust(64, "0") for row in range(num)]
        columns = [
            ids,
            [f"{split}/{row}.png" for row in range(num)],
            [split] * num,
            [f"class {row % 3}" if row % 4 else None for row in range(num)],
            [f"Split-{split}/data-0"] * num,
            list(range(num)),
            store.vector_column(vectors),
        ]
        schema = store.schema(DIM)
        arrays = [
            pa.array(each, field.type) if isinstance(each, list) else each
            for each, field in zip(columns, schema, strict=True)
        ]
        store.write_shard(
            [pa.Table.from_arrays(arrays, schema=schema)],
            f"{path}/{store.SHARDS_DIR}/{split}-00000-of-00001.parquet",
        )
        all_vectors.append(vectors)
        all_ids += ids
    total = sum(num_images.values())
    meta = store.Meta(
        fingerprint, DIM, num_images, dict.fromkeys(num_images, 0), total, 0, examples_uri, model_dir
    )
    store.write_meta(meta, str(path))
    return np.concatenate(all_vectors), all_ids
