"""The configuration of the ingest."""

from typing import Any

import pytest
from pydantic import ValidationError

from tfx_contrastive.components.image_example_gen.config import IngestConfig


def test_round_trip_through_json() -> None:
    config = IngestConfig(source={"kind": "image_folder", "path": "/data"}, labels_per_class=60)
    assert IngestConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"source": {"kind": "folder", "path": "x"}}, "image_folder"),
        ({"source": {"kind": "image_folder", "pth": "x"}}, "path"),
        ({"source": {"kind": "digits"}, "labels_per_clas": 3}, "labels_per_clas"),
        ({"source": {"kind": "digits"}, "labels_per_class": 0}, "greater than or equal to 1"),
        ({"source": {"kind": "digits"}, "eval_fraction": 0.5, "test_fraction": 0.5}, "nothing would be left"),
    ],
)
def test_what_it_refuses(options: Any, text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        IngestConfig(**options)
