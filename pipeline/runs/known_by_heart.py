"""What near copies of training images do to the figures of a split."""

from collections.abc import Mapping

from tfx_contrastive.components.image_example_gen import near_copies

OVERALL, WITHOUT, WITH = "", "near_copy:none", "near_copy:train"
_ADVICE = (
    "Remove the copies, or keep a scene, patient or burst in one split with data.group_pattern or a "
    "manifest's column `group`"
)


def warning(split: str, slices: Mapping[str, Mapping[str, float]]) -> str:
    """Sets the accuracy of a split beside that of its images without a near copy in `train`.

    Args:
        split: `eval` or `test`.
        slices: Name of each slice as TFMA has it, and its metrics, `accuracy` and `example_count` among them.

    Returns:
        A sentence; empty where copies are too few to matter.
    """
    everything, without, copies = (slices.get(name, {}) for name in (OVERALL, WITHOUT, WITH))
    num_images, num_copies = (round(found.get("example_count", 0)) for found in (everything, copies))
    if not near_copies.are_notable(num_copies, num_images):
        return ""
    told = f"{split} accuracy {everything['accuracy']:.3f}"
    if without.get("example_count"):
        num_without = round(without["example_count"])
        images = "image" if num_without == 1 else f"{num_without:,} images"
        told += f"; {without['accuracy']:.3f} on the {images} without a near copy in train"
    else:
        told += (
            f", but each of its {num_images:,} images has a near copy in train: it says nothing of new images"
        )
    return f"{told}. {_ADVICE}"
