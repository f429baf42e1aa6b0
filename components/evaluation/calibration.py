"""TFMA metric: expected calibration error of the predicted class."""

from tensorflow_model_analysis.metrics import metric_types

from tfx_contrastive.contract.metrics.calibration import calibration_error

from .outcomes import derived_metric

NAME = "expected_calibration_error"


class ExpectedCalibrationError(metric_types.Metric):
    """Expected calibration error; see `contract.metrics.calibration`."""

    def __init__(self, name: str = NAME):
        super().__init__(derived_metric(lambda found: calibration_error(found.confidence)), name=name)


metric_types.register_metric(ExpectedCalibrationError)
