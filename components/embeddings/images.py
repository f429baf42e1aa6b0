"""Fetches a few images from the examples, by what a row of the embeddings says of their place."""

import posixpath
from collections.abc import Iterable

from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.examples import IMAGE


def read_images(examples_uri: str, places: Iterable[tuple[str, str, int]]) -> dict[str, bytes]:
    """Reads images; opens only the files that hold them.

    Args:
        examples_uri: Of the Examples artifact.
        places: `image_id`, `examples_file` and `record` of each.

    Returns:
        Encoded images by `image_id`.

    Raises:
        ValueError: If the examples are not there any more.
    """
    wanted: dict[str, dict[int, str]] = {}
    for image_id, name, record in places:
        wanted.setdefault(name, {})[record] = image_id
    found: dict[str, bytes] = {}
    for name, records in sorted(wanted.items()):
        found.update(_read_records(posixpath.join(examples_uri, name), records))
    return found


def _read_records(path: str, records: dict[int, str]) -> dict[str, bytes]:
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        raise InputError(f"{path} is not there any more: the images can't be read. Run the pipeline again.")
    found = {}
    dataset = tf.data.TFRecordDataset(path, compression_type="GZIP" if path.endswith(".gz") else "")
    first, last = min(records), max(records)
    for number, record in enumerate(dataset.skip(first).take(last - first + 1).as_numpy_iterator(), first):
        if number in records:
            features = tf.train.Example.FromString(record).features.feature
            found[records[number]] = features[IMAGE].bytes_list.value[0]
    return found
