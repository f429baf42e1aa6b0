import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from tfx_contrastive.trainer_module import losses
from tfx_contrastive.trainer_module.config import ALL_DISTANCES, CATALOG, ObjectiveConfig


def test_states_every_parameter_and_the_published_distance() -> None:
    config = ObjectiveConfig(name="vicreg", params={"covariance_weight": 2})
    assert config.params == {"invariance_weight": 25.0, "variance_weight": 25.0, "covariance_weight": 2.0}
    assert config.distance is None
    assert ObjectiveConfig(name="triplet_margin", params={"margin": 0.2}).distance == "squared_euclidean"


@pytest.mark.parametrize("name", CATALOG)
def test_survives_json(name: str) -> None:
    params = dict.fromkeys(CATALOG[name].parameters, 0.5)
    config = ObjectiveConfig(name=name, params=params)
    assert ObjectiveConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize("distance", ALL_DISTANCES)
def test_accepts_sensible_distances_and_refuses_the_others_with_the_list(name: str, distance: str) -> None:
    params = dict.fromkeys(CATALOG[name].parameters, 0.5)
    if distance in CATALOG[name].distances:
        assert ObjectiveConfig(name=name, distance=distance, params=params).distance == distance
    else:
        with pytest.raises(
            ValidationError, match=f"{name} with distance '{distance}' makes no sense"
        ) as refusal:
            ObjectiveConfig(name=name, distance=distance, params=params)
        assert "triplet_margin: squared_euclidean, euclidean, manhattan, cosine" in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "moco"}, "there is no objective 'moco': choose one of nt_xent, dcl"),
        ({"name": "nt_xent"}, r"nt_xent needs params\.temperature"),
        ({"name": "nt_xent", "params": {"temperature": 0}}, "expected a positive number"),
        ({"name": "nt_xent", "params": {"temperature": "nan"}}, "finite"),
        ({"name": "simsiam", "params": {"margin": 1}}, "simsiam takes no margin: it takes no parameters"),
        ({"name": "info_nce", "distance": "hamming", "params": {"temperature": 1}}, "no distance 'hamming'"),
        ({"name": "nt_xent", "temperature": 0.1}, "Extra inputs are not permitted"),
    ],
)
def test_refuses_with_what_to_do(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ObjectiveConfig.model_validate(given)


def test_imports_no_tensorflow() -> None:
    code = "import sys, tfx_contrastive.trainer_module.config; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_objective_is_a_function_in_a_file_of_its_own() -> None:
    for name, spec in CATALOG.items():
        module, function = spec.function.rsplit(".", 1)
        assert (module, function) == (f"{losses.__name__}.{name}", f"{name}_loss")
        assert callable(getattr(importlib.import_module(module), function)), spec.function


def test_a_function_takes_a_distance_where_there_is_a_choice() -> None:
    for spec in CATALOG.values():
        module, function = spec.function.rsplit(".", 1)
        parameters = inspect.signature(getattr(importlib.import_module(module), function)).parameters
        assert ("distance" in parameters) == (len(spec.distances) > 1)
        assert set(spec.parameters) <= set(parameters)
