"""Reads the numbers of an Evaluator's output."""

from typing import Any

_AGGREGATION_SEPARATOR = "\n_"  # TFMA puts the options of an aggregation before the metric's name


def read_evaluation(evaluation_uri: str) -> dict[str, dict[str, float]]:
    """Reads the candidate's metrics.

    Args:
        evaluation_uri: Of the ModelEvaluation artifact.

    Returns:
        Metric -> number by slice (`feature:value`; `overall` for all examples together). A metric of one
        class is named `metric[class index]`.
    """
    import tensorflow_model_analysis as tfma

    specs = tfma.load_eval_result(evaluation_uri).config.model_specs
    candidate = next((spec.name for spec in specs if not spec.is_baseline), None)
    result = tfma.load_eval_result(evaluation_uri, model_name=candidate)
    return {_slice_name(key): _numbers(metrics) for key, metrics in result.slicing_metrics}


def _slice_name(key: tuple[tuple[str, Any], ...]) -> str:
    parts = [
        f"{feature}:{value.decode(errors='replace') if isinstance(value, bytes) else value}"
        for feature, value in key
    ]
    return ",".join(parts) or "overall"


def _numbers(metrics: Any) -> dict[str, float]:
    numbers = {}
    for sub_key, named in metrics.get("", {}).items():
        class_index = f"[{sub_key.split('classId:')[1]}]" if "classId:" in sub_key else ""
        for full_name, value in named.items():
            name = full_name.rsplit(_AGGREGATION_SEPARATOR, 1)[-1]
            if "doubleValue" in value and not name.endswith("_diff"):
                numbers[f"{name}{class_index}"] = float(value["doubleValue"])
    return numbers
