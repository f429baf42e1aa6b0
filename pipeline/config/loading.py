"""Find and read a configuration file, apply overrides, and explain what is wrong."""

import difflib
import importlib.resources
import pathlib
import re
import shlex
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import written
from tfx_contrastive.pipeline.config.model import PipelineConfig


def load_config(name_or_path: str, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Read a configuration.

    Where text is expected, it is taken as it was written, even if YAML would read it as a number, a date or
    False.

    Args:
        name_or_path: Path of a YAML file, or name of a bundled configuration.
        overrides: Strings `dotted.key=value`. The value is read as YAML, except where text is expected.

    Returns:
        The validated configuration.

    Raises:
        ConfigError: For a missing file, broken YAML, unknown keys or values out of range.
    """
    tree = _read_yaml(name_or_path)
    for override in overrides:
        _apply_override(tree, override)
    while True:  # each iteration turns at least one value into text
        values = written.plain(tree)
        try:
            return PipelineConfig.model_validate(values)
        except ValidationError as error:
            items = error.errors(include_url=False)
            if written.take_text(tree, items):
                continue
            problems = "\n".join(f"  {_explain(item, values)}" for item in items)
            raise ConfigError(f"The configuration {name_or_path} can't be used:\n{problems}") from error


def bundled_configs() -> dict[str, pathlib.Path]:
    """Return the paths of the configurations that come with the package, by name."""
    folder = pathlib.Path(str(importlib.resources.files("tfx_contrastive.pipeline"))) / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _read_yaml(name_or_path: str) -> dict[str, Any]:
    bundled = bundled_configs()
    path = bundled.get(name_or_path, pathlib.Path(name_or_path))
    try:
        values = written.read(path.read_text(encoding="utf-8"))
    except IsADirectoryError:
        raise ConfigError(
            f"Received the directory {path} as a configuration; expected a YAML file."
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        near = [f"{name_or_path}{ending}" for ending in (".yaml", ".yml")]
        hint = next((f"Did you mean {name}? " for name in near if pathlib.Path(name).is_file()), "")
        raise ConfigError(
            f"There is no configuration {name_or_path!r}. {hint}Give the path of a YAML file, "
            f"or one of these names: {', '.join(bundled)}."
        ) from None
    except OSError as error:
        raise ConfigError(f"The configuration {path} can't be read: {error.strerror}.") from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read as YAML: {error}") from error
    if not isinstance(values, dict):
        kind = type(written.plain(values)).__name__
        raise ConfigError(f"{path} holds {kind}, expected a mapping of sections.")
    return values


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: expected KEY=VALUE, for example pretrain.num_steps=200.")
    *sections, last = key.split(".")
    for section in sections:
        nested = written.inside(values.setdefault(section, {}))
        if not isinstance(nested, dict):
            raise ConfigError(f"--set {override}: {section} is a single value, it has no {last}.")
        values = nested
    values[last] = written.read_override(text)


def _explain(item: Mapping[str, Any], values: Any) -> str:
    """Return one line about an error: the key as the user wrote it, the received and the expected value."""
    location, context = item["loc"], item.get("ctx", {})
    key = ".".join(str(part) for part in _written(location, values))
    if item["type"] == "extra_forbidden":
        known = _keys_of(location[:-1])
        return f"{key}: unknown key. " + _hint(location[-1], known, f"Known here: {', '.join(known)}.")
    if item["type"] == "missing":
        return f"{key}: missing, and it has no default."
    if item["type"] in ("model_type", "model_attributes_type"):
        known = _keys_of(location)
        return f"{key}: received {item['input']!r}, expected a section with keys of: {', '.join(known)}."
    if item["type"] == "union_tag_not_found":
        name = context["discriminator"].strip("'")
        kinds = sorted(
            {
                kind
                for model in _models_at(location)
                for kind in typing.get_args(model.model_fields[name].annotation)
            }
        )
        return f"{key}.{name}: missing, expected one of: {', '.join(kinds)}."
    if item["type"] == "union_tag_invalid":
        kinds = [kind.strip("' ") for kind in context["expected_tags"].split(",")]
        hint = _hint(context["tag"], kinds, "")
        name = context["discriminator"].strip("'")
        return (
            f"{key}.{name}: received {context['tag']!r}, expected one of: {', '.join(kinds)}. {hint}".strip()
        )
    message = item["msg"].removeprefix("Value error, ")
    if isinstance(item["input"], Mapping):  # values that don't go together: the text names them
        return f"{key}: {message.rstrip('.')}.".removeprefix(": ")
    if message.startswith("Input should be "):
        expected = message.removeprefix("Input should be ")
        noun = "a number " if expected.startswith(("greater", "less")) else ""
        return f"{key}: received {item['input']!r}, expected {noun}{expected}."
    return f"{key}: received {item['input']!r}. {message.rstrip('.')}."


def _hint(received: object, known: Sequence[str], otherwise: str) -> str:
    close = difflib.get_close_matches(str(received), known, n=1)
    return f"Did you mean {close[0]}?" if close else otherwise


def _written(location: Sequence[Any], values: Any) -> Iterator[Any]:
    """Yield the parts of a location that the user wrote, without the union tags that pydantic adds."""
    for position, part in enumerate(location):
        if isinstance(values, Mapping) and part not in values and position + 1 < len(location):
            continue
        yield part
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            values = None


def _keys_of(location: Sequence[Any]) -> list[str]:
    """Return the keys that are allowed in the section at a location, sorted."""
    return sorted({name for model in _models_at(location) for name in model.model_fields})


def _models_at(location: Sequence[Any]) -> list[type[BaseModel]]:
    """Return the possible models of the section at a location; a tag selects one model of a union."""
    models: list[type[BaseModel]] = [PipelineConfig]
    for part in location:
        annotations = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        if annotations:
            models = [inner for annotation in annotations for inner in _models_in(annotation)]
        else:  # a tag, or an index in a list
            models = [model for model in models if part in _tags(model)] or models
    return models


def _tags(model: type[BaseModel]) -> set[Any]:
    """Return the values of the literal fields of a model, which include its tag in a union."""
    return {
        value
        for field in model.model_fields.values()
        if typing.get_origin(field.annotation) is typing.Literal
        for value in typing.get_args(field.annotation)
    }


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        for argument in typing.get_args(annotation):
            yield from _models_in(argument)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation


_MAX_BYTES = 2**20  # configurations are written by hand; compiled pipelines and manifests may be huge
_ENDINGS = (".yaml", ".yml")
_KEYS = ("name", "data")


def only_configuration(folder: pathlib.Path) -> pathlib.Path:
    """Return the path of the only configuration in a folder.

    Raises:
        ConfigError: If there is none, or if there are several.
    """
    found = configurations_in(folder)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ConfigError(
            f"This folder holds several configurations: {names}. Name one of them, for example "
            f"--config {shlex.quote(found[0].name)}"
        )
    bundled = ", ".join(bundled_configs())
    raise ConfigError(
        f"The folder {folder.absolute()} holds no configuration, which is a YAML file with the keys "
        f"{' and '.join(_KEYS)}. Name one with --config FILE, or one that comes with the package: {bundled}."
    )


def configurations_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """Return the YAML files of a folder that are configurations of a pipeline, sorted by name.

    A broken file that looks like a configuration counts too: reading it reports what is wrong.
    """
    files = (path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.is_file())
    return sorted(path for path in files if _is_configuration(path))


def _is_configuration(path: pathlib.Path) -> bool:
    try:
        if path.stat().st_size > _MAX_BYTES:
            return False
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if not all(key in text for key in _KEYS):
        return False  # most other files, without parsing them
    try:
        values = written.read(text)
    except ConfigError:
        return all(re.search(rf"^[\"']?{key}[\"']?\s*:", text, re.MULTILINE) for key in _KEYS)
    return isinstance(values, dict) and all(key in values for key in _KEYS)
