"""Metrics of an Evaluator node on one split, and the effect of near copies on them."""

import dataclasses
from collections.abc import Mapping

from tfx_contrastive.components.evaluation import results
from tfx_contrastive.components.image_example_gen import near_copies

from .lineage import Artifact

OVERALL, WITHOUT_COPY, WITH_COPY = "", "near_copy:none", "near_copy:train"
_ADVICE = (
    "Remove the copies, or keep a scene, patient or burst in one split with data.group_pattern or a "
    "manifest's column `group`"
)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Metrics on one split.

    Attributes:
        split: `eval` or `test`.
        artifact_id: Id of the evaluation in ML Metadata.
        slices: Metrics per slice; all examples together come first.
        failures: One sentence per missed threshold; only `eval` has thresholds.
        thresholds: The thresholds.
    """

    split: str
    artifact_id: int
    slices: tuple[results.SliceMetrics, ...]
    failures: tuple[str, ...]
    thresholds: tuple[results.Threshold, ...] = ()

    @property
    def warning(self) -> str:
        """A sentence on near copies of training images that raise the accuracy; empty without any."""
        return near_copy_warning(self.split, {each.slice: each.values for each in self.slices})

    @property
    def overall(self) -> results.SliceMetrics:
        """Metrics of all examples together."""
        return self.slices[0]


def read_evaluation(split: str, artifact: Artifact) -> Evaluation | None:
    """Read a ModelEvaluation artifact; None if it saw no example."""
    result = results.EvaluationResult(artifact.uri)
    if not result.slices:
        return None
    failures = result.failures if split == "eval" else ()
    return Evaluation(split, artifact.id, result.slices, failures, result.thresholds)


def near_copy_warning(split: str, slices: Mapping[str, Mapping[str, float]]) -> str:
    """Compare the accuracy of a split with that of its images without a near copy in `train`.

    Args:
        split: `eval` or `test`.
        slices: Metrics per slice, by TFMA's name of the slice; `accuracy` and `example_count` among them.

    Returns:
        A sentence; empty if there are too few copies to matter.
    """
    everything, without, copies = (slices.get(name, {}) for name in (OVERALL, WITHOUT_COPY, WITH_COPY))
    num_images, num_copies = (round(found.get("example_count", 0)) for found in (everything, copies))
    if not near_copies.are_notable(num_copies, num_images):
        return ""
    text = f"{split} accuracy {everything['accuracy']:.3f}"
    if without.get("example_count"):
        num_without = round(without["example_count"])
        images = "image" if num_without == 1 else f"{num_without:,} images"
        text += f"; {without['accuracy']:.3f} on the {images} without a near copy in train"
    else:
        text += (
            f", but each of its {num_images:,} images has a near copy in train: "
            "it says nothing about new images"
        )
    return f"{text}. {_ADVICE}"
