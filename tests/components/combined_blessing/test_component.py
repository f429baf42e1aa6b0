"""CombinedBlessing blesses a model only if both gates have blessed it."""

import pathlib
from typing import Any

import pytest
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from tfx_contrastive.components.combined_blessing.component import CombinedBlessing


def blessing_of(uri: Any, blessed: bool) -> Any:
    artifact = standard_artifacts.ModelBlessing()
    artifact.uri = uri
    artifact.set_string_custom_property("current_model", f"{uri}/model")
    if blessed is not None:
        artifact.set_int_custom_property("blessed", blessed)
    return artifact


@pytest.mark.parametrize(
    ("representation", "evaluation", "refused_by"),
    [
        (1, 1, ""),
        (0, 1, "representation"),
        (1, 0, "evaluation"),
        (0, 0, "representation,evaluation"),
        (1, None, "evaluation"),  # the Evaluator sets nothing when no threshold is configured
    ],
)
def test_who_refused_is_recorded(
    tmp_path: pathlib.Path, representation: Any, evaluation: Any, refused_by: Any
) -> None:
    output = standard_artifacts.ModelBlessing()
    output.uri = str(tmp_path / "output")
    CombinedBlessing.test_call(
        representation=blessing_of("encoder", representation),
        evaluation=blessing_of("classifier", evaluation),
        blessing=output,
    )
    assert model_utils.is_model_blessed(output) == (refused_by == "")
    assert output.get_string_custom_property("refused_by") == refused_by
    assert output.get_string_custom_property("current_model") == "classifier/model"
    assert [path.name for path in (tmp_path / "output").iterdir()] == [
        "NOT_BLESSED" if refused_by else "BLESSED"
    ]
