"""Asks the model itself: which signatures, which classes, which encoder; and does it answer at all."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.components.model.saved import read_signatures
from tfx_contrastive.contract.signatures import ALL_CLASSES, CLASSIFY_BYTES, EMBED_BYTES, SERVING_DEFAULT

INPUT_CONTRACT = {
    SERVING_DEFAULT: "serialized tf.train.Example with the feature `image`: one encoded image, bytes",
    CLASSIFY_BYTES: "encoded image, bytes (PNG, JPEG, BMP, GIF)",
    EMBED_BYTES: "encoded image, bytes (PNG, JPEG, BMP, GIF)",
}


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a model says of itself.

    Attributes:
        signatures: Signature -> `inputs` and `outputs` -> tensor -> dtype and shape.
        input_contract: Signature -> what its input must hold.
        label_vocabulary: The classes in the model's order; empty for an encoder.
        encoder_fingerprint: See `encoder_fingerprint.py`; empty where the model has no `embed_bytes`.
    """

    signatures: dict[str, Any]
    input_contract: dict[str, str]
    label_vocabulary: list[str]
    encoder_fingerprint: str


def inspect(model_dir: str, example_dirs: Sequence[str]) -> Inspection:
    """Loads the model as a server would and has it answer one real example.

    Args:
        model_dir: Directory of the SavedModel.
        example_dirs: Directories of example files, one example of which is used.

    Returns:
        What was found.

    Raises:
        ValueError: If there is no example, or the model does not answer.
    """
    import tensorflow as tf

    signatures = read_signatures(model_dir)
    example = _first_example(example_dirs)
    model = tf.saved_model.load(model_dir)
    if SERVING_DEFAULT not in model.signatures:
        raise ValueError(
            f"{model_dir!r} has the signatures {sorted(signatures)}; expected {SERVING_DEFAULT!r}."
        )
    argument = next(iter(signatures[SERVING_DEFAULT].inputs))
    answer = model.signatures[SERVING_DEFAULT](**{argument: tf.constant([example])})
    classes = answer[ALL_CLASSES].numpy()[0] if ALL_CLASSES in answer else []
    return Inspection(
        signatures={name: dataclasses.asdict(signature) for name, signature in signatures.items()},
        input_contract={name: text for name, text in INPUT_CONTRACT.items() if name in signatures},
        label_vocabulary=[name.decode("utf-8") for name in classes],
        encoder_fingerprint=encoder_fingerprint(model_dir) if EMBED_BYTES in signatures else "",
    )


def _first_example(example_dirs: Sequence[str]) -> bytes:
    import tensorflow as tf

    for path in sorted(path for folder in example_dirs for path in tf.io.gfile.glob(f"{folder}/*")):
        records = tf.data.TFRecordDataset(path, compression_type="GZIP" if path.endswith(".gz") else "")
        for record in records.take(1).as_numpy_iterator():
            return record
    raise ValueError(f"No example in {list(example_dirs)}: the model can't be tried before it is registered.")
