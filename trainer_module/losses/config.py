"""Choice of the pretraining objective: name, distance, parameters."""

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from tfx_contrastive.trainer_module.losses.catalog import (
    ALL_DISTANCES,
    CATALOG,
    ObjectiveSpec,
    Requirements,
    sensible_pairs,
)


class ObjectiveConfig(BaseModel):
    """An objective of `catalog.CATALOG`; once validated, every parameter is stated.

    Temperatures and margins have no default: a published one belongs to its distance and data. Other
    parameters that are left out take the paper's value.

    Raises:
        pydantic.ValidationError: For an unknown name, a distance that makes no sense for the objective,
            or parameters that are missing, unknown or not positive. The message lists the valid ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    distance: str | None = Field(None, validate_default=True, description="None: the published one")
    params: dict[str, float] = Field(default_factory=dict, validate_default=True)

    @property
    def spec(self) -> ObjectiveSpec:
        """The catalog's entry."""
        return CATALOG[self.name]

    @property
    def requirements(self) -> Requirements:
        """What the training loop has to provide."""
        return self.spec.requirements

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CATALOG:
            raise ValueError(f"there is no objective {name!r}: choose one of {', '.join(CATALOG)}")
        return name

    @field_validator("distance")
    @classmethod
    def _sensible(cls, distance: str | None, info: ValidationInfo) -> str | None:
        if "name" not in info.data:  # refused already
            return distance
        name = info.data["name"]
        distances = CATALOG[name].distances
        if distance is None:
            return distances[0] if distances else None
        if distance not in ALL_DISTANCES:
            raise ValueError(f"there is no distance {distance!r}: choose one of {', '.join(ALL_DISTANCES)}")
        if distance not in distances:
            raise ValueError(
                f"{name} with distance {distance!r} makes no sense; leave the distance out, or take one of "
                + "; ".join(sensible_pairs())
            )
        return distance

    @field_validator("params")
    @classmethod
    def _complete(cls, params: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if "name" not in info.data:
            return params
        name = info.data["name"]
        known = CATALOG[name].parameters
        unknown = sorted(set(params) - set(known))
        if unknown:
            raise ValueError(
                f"{name} takes no {', '.join(unknown)}: it takes {', '.join(known) or 'nothing'}"
            )
        complete = {}
        for key, parameter in known.items():
            value = params.get(key, parameter.default)
            if value is None:
                raise ValueError(f"{name} needs params.{key}, a positive number ({parameter.meaning})")
            if value <= 0:
                raise ValueError(f"params.{key} is {value}: expected a positive number ({parameter.meaning})")
            complete[key] = value
        return complete
