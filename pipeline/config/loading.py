"""Reads a configuration file, applies overrides, and explains what is wrong with them."""

import difflib
import importlib.resources
import pathlib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.config.model import PipelineConfig

DEFAULT_CONFIG = "fashion_mnist"


class ConfigError(ValueError):
    """A configuration that can't be used; the text says what to change."""


def load_config(name_or_path: str = DEFAULT_CONFIG, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Reads a configuration.

    Args:
        name_or_path: Path of a YAML file, or the name of one that the package brings.
        overrides: `dotted.key=value` strings; the value is read as YAML.

    Returns:
        The validated configuration.

    Raises:
        ConfigError: For a missing file, broken YAML, unknown keys or values out of range.
    """
    values = _read_yaml(name_or_path)
    for override in overrides:
        _apply_override(values, override)
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(f"  {_explain(item)}" for item in error.errors(include_url=False))
        raise ConfigError(f"The configuration {name_or_path} can't be used:\n{problems}") from error


def bundled_configs() -> dict[str, pathlib.Path]:
    """The configurations that the package brings, by name."""
    folder = pathlib.Path(str(importlib.resources.files("pipeline"))) / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _read_yaml(name_or_path: str) -> dict[str, Any]:
    bundled = bundled_configs()
    path = bundled.get(name_or_path, pathlib.Path(name_or_path))
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise ConfigError(
            f"There is no configuration {name_or_path!r}. Give the path of a YAML file, "
            f"or one of these names: {', '.join(bundled)}."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds {type(values).__name__}, expected a mapping of sections.")
    return values


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: expected KEY=VALUE, for example pretrain.num_steps=200.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override}: the value is not YAML: {error}") from error
    *sections, last = key.split(".")
    for section in sections:
        nested = values.setdefault(section, {})
        if not isinstance(nested, dict):
            raise ConfigError(f"--set {override}: {section} is a single value, it has no {last}.")
        values = nested
    values[last] = value


def _explain(item: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        known = sorted(_keys_beside(item["loc"]))
        close = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(known)}."
        return f"{key}: unknown key. {hint}"
    if item["type"] == "missing":
        return f"{key}: missing, and it has no default."
    if isinstance(item["input"], dict):  # two values that don't go together: the text names them
        return f"{key}: {item['msg']}.".removeprefix(": ").replace("Value error, ", "", 1)
    return f"{key}: received {item['input']!r}. {item['msg']}."


def _keys_beside(location: Sequence[Any]) -> set[str]:
    """Field names of the model in which an unknown key stands."""
    models: list[type[BaseModel]] = [PipelineConfig]
    for part in location[:-1]:
        annotations = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        models = [inner for annotation in annotations for inner in _models_in(annotation)] or models
    return {name for model in models for name in model.model_fields}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        for argument in typing.get_args(annotation):
            yield from _models_in(argument)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
