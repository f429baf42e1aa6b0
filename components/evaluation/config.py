"""Configuration of the Evaluator."""

from typing import Literal

from pydantic import Field

from tfx_contrastive.contract.frozen import Frozen

# Classes on which a candidate is compared with a model in use that has other classes (docs/gates.md).
ComparedClasses = Literal["shared", "all"]


class EvaluationConfig(Frozen):
    """Thresholds of the Evaluator on the `eval` split; a model that misses one is not blessed."""

    min_accuracy: float | None = Field(0.5, ge=0, le=1)
    min_gain_over_majority: float | None = Field(
        0.0,
        ge=-1,
        le=1,
        description="accuracy minus that of always answering the most frequent class of `eval`",
    )
    min_adjusted_balanced_accuracy: float | None = Field(
        0.1,
        ge=-1,
        le=1,
        description="mean recall of the classes, rescaled: 0 for any constant answer, 1 for no mistake",
    )
    min_macro_f1: float | None = Field(None, ge=0, le=1)
    max_expected_calibration_error: float | None = Field(None, ge=0, le=1)
    max_accuracy_drop: float | None = Field(
        0.01, ge=0, le=1, description="greatest loss of accuracy from the model in use to the candidate"
    )
