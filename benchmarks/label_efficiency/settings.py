"""The settings of the benchmark: one YAML file, read into a frozen object."""

import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tfx_contrastive.trainer_module.config import FineTuneConfig, HeadConfig, PretrainConfig

SETTINGS = pathlib.Path(__file__).with_name("settings.yaml")


class Settings(BaseModel):
    """Everything on which the results depend, except the code and the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field("fashion_mnist", description="a configuration of pipeline/configs")
    labels_per_class: tuple[int | None, ...] = (4, 16, 64, 256, 1024, None)
    num_seeds: int = Field(3, ge=2)
    more_seeds: Mapping[int, int] = Field(
        {}, description="number of seeds by budget, if not num_seeds: results with few labels vary most"
    )
    pixel_penalties: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001, 0.0001)
    pretrain: PretrainConfig
    head: HeadConfig
    head_from: Mapping[int, HeadConfig] = Field(
        {}, description="another head from this number of labels per class on"
    )
    scratch: FineTuneConfig

    def seeds(self, labels_per_class: int | None) -> range:
        """Return the seeds of a budget; each draws other labels."""
        return range(self.more_seeds.get(labels_per_class or 0, self.num_seeds))

    def for_budget(self, labels_per_class: int | None) -> "Settings":
        """Return the settings with the head of one budget only."""
        reached = [each for each in self.head_from if labels_per_class is None or each <= labels_per_class]
        head = self.head_from[max(reached)] if reached else self.head
        return self.model_copy(update={"head": head, "head_from": {}})

    def digest(self, parts: Mapping[str, Any]) -> str:
        """Return the digest of some fields as the file gives them, 16 hexadecimal digits.

        Defaults are the code's, which each result names by its commit: a new field does not make results
        outdated.

        Args:
            parts: The fields that count, as pydantic's `include` takes them.
        """
        text = self.model_dump_json(exclude_unset=True, include=parts)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_settings(path: pathlib.Path = SETTINGS) -> Settings:
    """Read a settings file."""
    return Settings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
