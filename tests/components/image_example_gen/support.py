"""What several tests of ImageExampleGen need: images, an ingest run for real, its contents."""

import glob
import io
import json
import os
import pathlib
import struct
from typing import Any

import numpy as np
from PIL import Image

from tfx_contrastive.components.image_example_gen import IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for


def picture(seed: int, height: int = 12, width: int = 16, channels: int = 3) -> Any:
    """Random pixels, uint8 [H, W] or [H, W, C]; another seed gives another picture."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(pixels: Any, image_format: Any = "PNG", **options: Any) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format, **options)
    return buffer.getvalue()


def rgb_tiff(pixels: Any) -> Any:
    """A TIFF of 16 bits a channel, uncompressed, which Pillow reads and can't write."""
    height, width = pixels.shape[:2]
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 158), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [
        (273, 4, 1, 164),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, pixels.size * 2),
        (284, 3, 1, 1),
    ]
    directory = struct.pack("<H", 10) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head = (b"II*\0" + struct.pack("<I", 8) + directory).ljust(158, b"\0") + struct.pack("<HHH", 16, 16, 16)
    return head + pixels.astype("<u2").tobytes()


def write(path: Any, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def image_folder(root: Any, classes: Any, per_class: Any, first_seed: Any = 0) -> None:
    """Writes `<root>/<class>/<i>.png`, every picture another one."""
    for c, name in enumerate(classes):
        for i in range(per_class):
            write(root / name / f"{i}.png", encoded(picture(first_seed + c * 1000 + i)))


def run_ingest(config: Any, directory: Any, beam_args: Any = ()) -> Any:
    """Runs the executor; returns the artifacts `examples` and `quarantine`."""
    from tfx.types import standard_artifacts

    from tfx_contrastive.components.artifacts import Quarantine
    from tfx_contrastive.components.image_example_gen.executor import Executor

    examples, quarantine = standard_artifacts.Examples(), Quarantine()
    examples.uri, quarantine.uri = str(directory / "examples"), str(directory / "quarantine")
    executor = Executor()
    executor._beam_pipeline_args = list(beam_args)
    executor.Do(
        {},
        {"examples": [examples], "quarantine": [quarantine]},
        {"ingest": config.model_dump_json(), "fingerprint": "f"},
    )
    return examples, quarantine


def read_examples(uri: Any) -> Any:
    """Split -> examples in the order of the files, each a dict of feature -> value."""
    import tensorflow as tf

    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(glob.glob(f"{uri}/Split-*/*")):
        split = os.path.basename(os.path.dirname(path)).removeprefix("Split-")
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            values = {name: getattr(each, each.WhichOneof("kind")).value for name, each in features.items()}
            assert all(len(each) == 1 for each in values.values())
            found.setdefault(split, []).append({name: each[0] for name, each in values.items()})
    return found


def read_quarantine(uri: Any) -> Any:
    """Records by source, and the summary."""
    with open(f"{uri}/records.jsonl", encoding="utf-8") as file:
        records = {record["source"]: record for record in map(json.loads, file)}
    with open(f"{uri}/summary.json", encoding="utf-8") as file:
        return records, json.load(file)


def inspect(path: Any, kind: str = "image_folder", **options: Any) -> Any:
    return inspect_source(IngestConfig(source={"kind": kind, "path": str(path), **options}))


def images_of(
    path: Any, kind: str, tmp_path: pathlib.Path, max_file_bytes: Any = 2**20, **options: Any
) -> Any:
    source = IngestConfig(source={"kind": kind, "path": str(path), **options}).source
    adapter: Any = adapter_for(source, max_file_bytes)
    staging = tmp_path / "staging"
    return {image.source: image for chunk in adapter.chunks(str(staging), 3) for image in adapter.read(chunk)}


def example(**features: Any) -> Any:
    """A serialized Example; `image__encoded` is the key `image/encoded`."""
    import tensorflow as tf

    def feature(values: Any) -> Any:
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        if all(isinstance(value, (str, bytes)) for value in values):
            data = [value.encode() if isinstance(value, str) else value for value in values]
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=data))
        if all(isinstance(value, int) for value in values):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    named = {name.replace("__", "/"): feature(values) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def png(seed: int) -> Any:
    return encoded(picture(seed))


def write_records(path: Any, records: Any, compression: Any = "") -> None:
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
