"""How far an export is from the SavedModel, measured on the images of `eval`."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.signatures import CLASSIFY_BYTES, EMBED_BYTES, EMBEDDING, PROBABILITIES
from tfx_contrastive.trainer_module.dataset import read_records

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Agreement:
    """An export against the SavedModel; what has to do with classes is None for an encoder.

    The SavedModel gets the encoded images, the export the pixels that training saw: a difference in
    decoding would show, too.

    Attributes:
        num_images: Images of `eval`, labelled or not.
        num_labelled: Those with a label; the accuracies are theirs.
        accuracy: Of the export.
        saved_model_accuracy: Of the SavedModel.
        accuracy_loss: The latter minus the former; negative where the export is right more often.
        same_label: Share of images with the same most probable class.
        max_probability_difference: Greatest absolute difference of a probability.
        mean_cosine: Between the two embeddings of an image.
        min_cosine: The least of these.
    """

    num_images: int
    num_labelled: int
    accuracy: float | None
    saved_model_accuracy: float | None
    accuracy_loss: float | None
    same_label: float | None
    max_probability_difference: float | None
    mean_cosine: float
    min_cosine: float


def compare(
    exported: Mapping[str, np.ndarray], served: Mapping[str, np.ndarray], label_index: np.ndarray
) -> Agreement:
    """Compares the answers of both to the same images.

    Args:
        exported: `embedding`, float32 [N, D], and `probabilities`, float32 [N, K], if it is a classifier.
        served: The same of the SavedModel.
        label_index: True class of each image, int64 [N], -1 where there is none.
    """
    cosine = np.sum(exported[EMBEDDING] * served[EMBEDDING], axis=1)
    accuracy = saved_model_accuracy = same_label = difference = None
    labelled = label_index >= 0
    if PROBABILITIES in served:
        ours, theirs = (np.argmax(side[PROBABILITIES], axis=1) for side in (exported, served))
        same_label = float(np.mean(ours == theirs))
        difference = float(np.max(np.abs(exported[PROBABILITIES] - served[PROBABILITIES])))
        if labelled.any():
            accuracy = float(np.mean(ours[labelled] == label_index[labelled]))
            saved_model_accuracy = float(np.mean(theirs[labelled] == label_index[labelled]))
    return Agreement(
        num_images=len(label_index),
        num_labelled=int(labelled.sum()),
        accuracy=accuracy,
        saved_model_accuracy=saved_model_accuracy,
        accuracy_loss=None
        if accuracy is None or saved_model_accuracy is None
        else saved_model_accuracy - accuracy,
        same_label=same_label,
        max_probability_difference=difference,
        mean_cosine=float(cosine.mean()),
        min_cosine=float(cosine.min()),
    )


def served_answers(model_dir: str, files: Sequence[str]) -> dict[str, np.ndarray]:
    """What the SavedModel itself, loaded from its directory, says of all images in some files.

    Args:
        model_dir: Directory of the SavedModel.
        files: TFRecord files of examples, or glob patterns, read in the order of `read_images`.

    Returns:
        `embedding`, float32 [N, D], and of a classifier `probabilities`, float32 [N, K].
    """
    model = tf.saved_model.load(model_dir)
    embed, classify = (model.signatures.get(name) for name in (EMBED_BYTES, CLASSIFY_BYTES))
    answers: dict[str, list[np.ndarray]] = {}
    for records in read_records(files).batch(_BATCH):
        spec = {IMAGE: tf.io.FixedLenFeature([], tf.string)}
        images = tf.io.parse_example(records, spec)[IMAGE]
        answers.setdefault(EMBEDDING, []).append(embed(image_bytes=images)[EMBEDDING].numpy())
        if classify is not None:
            probabilities = classify(image_bytes=images)[PROBABILITIES]
            answers.setdefault(PROBABILITIES, []).append(probabilities.numpy())
    return {name: np.concatenate(parts) for name, parts in answers.items()}
