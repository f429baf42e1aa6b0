"""What must be true of the labels, and how much each class weighs."""

import logging
from collections.abc import Sequence

import numpy as np

_log = logging.getLogger(__name__)


def check_labels(label_index: np.ndarray, class_names: Sequence[str]) -> None:
    """Refuses labels from which no classifier can be learned.

    Args:
        label_index: Labels of the training images, int64 [N], -1 where there is none.
        class_names: Names of all classes.

    Raises:
        ValueError: If no image is labelled, there is one class only, or a class has no image.
    """
    labels = label_index[label_index >= 0]
    if not len(labels):
        raise ValueError(
            f"none of the {len(label_index)} training images has a label: a classifier needs at least one "
            "labelled image of each of two classes. Label some, or run without a head, which pushes "
            "the encoder alone"
        )
    if len(class_names) < 2:
        raise ValueError(
            f"all {len(labels)} labelled training images are of one class, {', '.join(class_names)}: a "
            "classifier needs at least two. Label images of another class too"
        )
    counts = np.bincount(labels, minlength=len(class_names))
    missing = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if missing:
        raise ValueError(
            f"{len(labels)} labelled training images were received for {len(class_names)} classes; these "
            f"have none: {', '.join(missing)}. Label at least one image of each, or take the class away"
        )


def warn_of_classes_without(label_index: np.ndarray, class_names: Sequence[str]) -> None:
    """Logs which classes `eval` can't tell anything about.

    Args:
        label_index: Labels of the `eval` images, int64 [N], -1 where there is none.
        class_names: Names of all classes.
    """
    present = set(label_index[label_index >= 0].tolist())
    absent = [name for index, name in enumerate(class_names) if index not in present]
    if absent:
        _log.warning(
            "eval has no labelled image of %d of %d classes (%s): nothing that is chosen on eval takes them "
            "into account, and their accuracy is not measured",
            len(absent),
            len(class_names),
            ", ".join(absent),
        )


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Weights that make all classes count the same: N / (K * N_k).

    Args:
        labels: Class of each image, int [N]; every class occurs.
        num_classes: K.

    Returns:
        float32 [K]; their mean over the images is 1.
    """
    counts = np.bincount(labels, minlength=num_classes)
    return (len(labels) / (num_classes * counts)).astype(np.float32)
