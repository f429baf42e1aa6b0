"""Peak memory of StatisticsGen and Transform on large JPEGs; TFX lets no one set their batch size.

1,200 JPEGs of 2 to 4 megapixels (0.7 MB each) in one TFRecord file; Transform brings them to 224x224x3. Each
executor runs in a new process; the batches are those of tfx-bsl.

    python -m benchmarks batch_memory        # bar: under 4 GB, whatever the number of images
"""

import io
import json
import multiprocessing
import pathlib
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_NUM_IMAGES = 1200
_SIZES = ((1600, 1200), (2000, 1500), (2400, 1600), (1920, 1080))
_REPEATS = 50  # copies of each picture in the file; they don't change the batches


def main() -> None:
    """Print the rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        num_bytes = write_examples(root / "examples" / "Split-train")
        print(
            f"| {_NUM_IMAGES:,} images, {num_bytes / 2**20:,.0f} MiB | peak | of it imports | largest batch |"
        )
        for name, step in (("StatisticsGen", statistics), ("Transform", transform)):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                before, peak, largest, seconds = pool.apply(measure, (step, root))
            print(f"| {name}, {seconds:.0f} s | {peak:,.0f} MiB | {before:,.0f} MiB | {largest} images |")


def write_examples(folder: pathlib.Path) -> int:
    """Write the images as ImageExampleGen does; return their size in bytes."""
    import tensorflow as tf

    from tfx_contrastive.components.examples import features

    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    num_bytes = 0
    with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001")) as writer:
        for number in range(_NUM_IMAGES // _REPEATS):
            pixels = _photograph(random, *_SIZES[number % len(_SIZES)])
            encoded = io.BytesIO()
            Image.fromarray(pixels).save(encoded, "JPEG", quality=85)
            batch = pixels[np.newaxis]
            (example,) = features.encode_examples(
                batch, batch, [encoded.getvalue()], features.image_ids(batch), [f"{number}.jpg"]
            )
            num_bytes += _REPEATS * len(encoded.getvalue())
            for _ in range(_REPEATS):
                writer.write(example + features.label_suffix("ab"[number % 2]))
    return num_bytes


def _photograph(random: np.random.Generator, width: int, height: int) -> npt.NDArray[Any]:
    """Return smooth colors with grain, uint8 [H, W, 3], with about the bytes per pixel of a photograph."""
    coarse = random.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return (smooth.astype(np.int16) + random.integers(-12, 12, smooth.shape)).clip(0, 255).astype(np.uint8)


def measure(step: Callable[[pathlib.Path], None], root: pathlib.Path) -> tuple[float, float, int, float]:
    """Run a step; return MiB before it, MiB at its peak, the largest batch and the seconds."""
    from tfx_bsl.coders import batch_util, example_coder  # noqa: F401 - the peak of imports comes first
    from tfx_bsl.tfxio import tf_example_record

    sizes = []
    decoding = tf_example_record._DecodeBatchExamplesDoFn
    process = decoding.process

    def counted(self: Any, examples: list[bytes]) -> Iterator[Any]:
        sizes.append(len(examples))
        yield from process(self, examples)

    decoding.process = counted
    before = _peak()
    started = time.monotonic()
    step(root)
    return before, _peak(), max(sizes), time.monotonic() - started


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _examples(root: pathlib.Path) -> Any:
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2
    from tfx.types import standard_artifacts

    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(root / "examples"), '["train"]'
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return examples


def statistics(root: pathlib.Path) -> None:
    """Run StatisticsGen's executor."""
    from tfx.components.statistics_gen.executor import Executor
    from tfx.types import standard_artifacts

    from tfx_contrastive.components.examples.schema import stats_options

    found = standard_artifacts.ExampleStatistics()
    found.uri = str(root / "statistics")
    properties = {"stats_options_json": stats_options().to_json(), "exclude_splits": "[]"}
    Executor().Do({"examples": [_examples(root)]}, {"statistics": [found]}, properties)


def transform(root: pathlib.Path) -> None:
    """Run Transform's executor with this project's preprocessing."""
    from google.protobuf import text_format
    from tfx.components.transform.executor import Executor
    from tfx.types import standard_artifacts

    from tfx_contrastive.components.examples.schema import base_schema
    from tfx_contrastive.trainer_module.config import ImageConfig

    schema, graph = standard_artifacts.Schema(), standard_artifacts.TransformGraph()
    cache = standard_artifacts.TransformCache()
    schema.uri, graph.uri, cache.uri = (str(root / name) for name in ("schema", "graph", "cache"))
    (root / "schema").mkdir()
    (root / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(base_schema()))
    image = ImageConfig(height=224, width=224, channels=3)
    context = Executor.Context(beam_pipeline_args=[], tmp_dir=f"{root}/scratch/", unique_id="1")
    Executor(context).Do(
        {"examples": [_examples(root)], "schema": [schema]},
        {"transform_graph": [graph], "updated_analyzer_cache": [cache]},
        {
            "preprocessing_fn": "tfx_contrastive.trainer_module.preprocessing.preprocessing_fn",
            "custom_config": json.dumps({"image": image.model_dump_json()}),
            "splits_config": json.dumps({"analyze": ["train"], "transform": ["train"]}),
            "disable_statistics": 1,
            "force_tf_compat_v1": 0,
        },
    )
