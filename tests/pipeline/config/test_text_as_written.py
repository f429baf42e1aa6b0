"""Every text field of the configuration takes text as it was typed, whatever YAML would make of it."""

import pathlib
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tfx_contrastive.components.image_example_gen.config import IdxSource
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.config.model import PipelineConfig

MINIMAL = "name: mine\ndata: {source: {kind: digits}}\n"
# What YAML reads as a number, a date, a truth value, nothing, a list, a mapping, a comment or not at all.
TEXTS = (
    "1.19",
    "1.10",
    "007",
    "0x1F",
    "1e5",
    "1_000",
    "12:30:45",
    "-1",
    ".5",
    ".inf",
    "2024",
    "2024-01-01",
    "2024-13-01",
    "no",
    "off",
    "True",
    "=",
    "<<",
    "[a",
    "[a, b]",
    "{a}",
    "a: b",
    "a #b",
    "&a b",
    "*a",
    "@a",
    "%a",
)
NOTHING = ("null", "~", "Null")


def string_fields(model: Any = PipelineConfig, path: Any = ()) -> Iterator[Any]:
    """Paths of all text fields: keys, `[]` for an element of a list, `{}` for a value under any key."""
    for name, field in model.model_fields.items():
        yield from within(field.annotation, (*path, name))


def within(annotation: Any, path: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        yield from within(typing.get_args(annotation)[0], path)
    elif annotation is str:
        yield path
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from string_fields(annotation, (*path, annotation))
    elif isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        for each in typing.get_args(annotation):
            yield from within(each, path)
    elif typing.get_origin(annotation) is tuple:
        yield from within(typing.get_args(annotation)[0], (*path, "[]"))
    elif typing.get_origin(annotation) is dict:
        yield from within(typing.get_args(annotation)[1], (*path, "{}"))


def spelled(path: Any) -> str:
    """`beam.BeamConfig.args.[]`."""
    return ".".join(part if isinstance(part, str) else part.__name__ for part in path)


FIELDS = sorted(set(string_fields()), key=spelled)


def nested(path: Any, leaf: Any) -> Any:
    """Values and the location of the leaf, such as `{"beam": {"args": [leaf]}}` and `beam.args.0`."""
    if not path:
        return leaf, ()
    (part, *rest) = path
    if isinstance(part, type) and issubclass(part, BaseModel):  # literal fields choose a model
        inner, location = nested(rest, leaf)
        chosen = {
            name: typing.get_args(field.annotation)[0]
            for name, field in part.model_fields.items()
            if typing.get_origin(field.annotation) is typing.Literal and name in ("kind", "name")
        }
        return {**chosen, **inner}, location
    inner, location = nested(rest, leaf)
    if part == "[]":
        return [inner], ("0", *location)
    key = "no" if part == "{}" else part
    return {key: inner}, (key, *location)


def as_yaml(value: Any, leaf: Any) -> Any:
    """YAML in flow style, the leaf as it is."""
    if value is leaf:
        return leaf
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(each, leaf)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_yaml(each, leaf) for each in value) + "]"
    return str(value)


def found_at(value: Any, location: Any) -> Any:
    for part in location:
        if isinstance(value, tuple):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value[part]
        else:
            value = getattr(value, part)
    return value


def check(read: Any, location: Any, text: str) -> None:
    """The configuration has the text, or refuses that very text, or only other keys."""
    problems, found = [], None
    try:
        found = found_at(read(), location)
    except ConfigError as error:
        problems = [line for line in str(error).splitlines() if line.startswith(f"  {'.'.join(location)}:")]
    assert [line for line in problems if repr(text) not in line or "valid string" in line] == []
    assert found is None or found == text or found.endswith(f"/{text}"), (location, text, found)


@pytest.mark.parametrize("field", FIELDS, ids=spelled)
def test_set_takes_the_text_as_typed(tmp_path: pathlib.Path, field: Any) -> None:
    path, base = field, tmp_path / "config.yaml"
    base.write_text(MINIMAL)
    for text in TEXTS:
        value, location = nested(path, text)
        if any(part in ("[]", "{}") or isinstance(part, type) for part in path[2:]) or "[]" in path:
            if not set(text) & set("[]{}#:&*@%<="):  # within a list, these are YAML's own
                key = str(path[0])
                flow = as_yaml(value[key], text)
                check(lambda o=f"{key}={flow}": load_config(str(base), [o]), location, text)
            continue
        override = f"{'.'.join(location)}={text}"
        check(lambda o=override: load_config(str(base), [o]), location, text)


@pytest.mark.parametrize("field", FIELDS, ids=spelled)
def test_a_file_takes_the_text_as_written(tmp_path: pathlib.Path, field: Any) -> None:
    path, base = field, tmp_path / "config.yaml"
    for text in TEXTS:
        if set(text) & set("[]{}#:&*@%<="):
            continue
        value, location = nested(path, text)
        lines = {"name": "mine", "data": {"source": {"kind": "digits"}}, **value}
        base.write_text("\n".join(f"{key}: {as_yaml(each, text)}" for key, each in lines.items()))
        check(lambda: load_config(str(base)), location, text)


def test_the_walk_finds_fields_of_every_kind() -> None:
    names = {spelled(path) for path in FIELDS}
    assert {
        "name",
        "data.IngestConfig.source.IdxSource.class_names.[]",
        "beam.BeamConfig.flink_version",
        "beam.BeamConfig.by_component.{}.[]",
        "metadata.ServerMetadataConfig.database",
        "kubeflow.KubeflowConfig.tasks.{}.TaskConfig.tolerations.[].TolerationConfig.value",
    } <= names


def test_fields_that_take_anything_have_exactly_the_text(tmp_path: pathlib.Path) -> None:
    base = tmp_path / "config.yaml"
    base.write_text(MINIMAL)
    for text in TEXTS:
        config = load_config(str(base), [f"baseline.reset_token={text}", f"beam.flink_version={text}"])
        assert (config.baseline.reset_token, config.beam.flink_version) == (text, text)
    base.write_text(
        "name: 2024\nroot: 1.10\n"
        "data: {source: {kind: idx, path: 007, class_names: [no, yes, 1.10, null, 2024-01-01]}}\n"
        "beam: {by_component: {no: [1.0]}}\npretrain: {mixed_precision: off}\n"
    )
    config = load_config(str(base))
    assert config.name == "2024"
    assert config.root.endswith("/1.10")
    source = config.data.source
    assert isinstance(source, IdxSource)
    assert str(source.path).endswith("007")
    assert source.class_names == ("no", "yes", "1.10", "null", "2024-01-01")
    assert config.beam.by_component == {"no": ("1.0",)}
    assert config.pretrain.mixed_precision == "off"


@pytest.mark.parametrize("text", NOTHING)
def test_null_is_nothing_where_nothing_may_stand_and_text_elsewhere(
    tmp_path: pathlib.Path, text: str
) -> None:
    base = tmp_path / "config.yaml"
    base.write_text(MINIMAL)
    config = load_config(str(base), [f"beam.flink_version={text}", f"baseline.reset_token={text}"])
    assert config.beam.flink_version is None
    assert config.baseline.reset_token == text


def test_nothing_at_all_is_no_text(tmp_path: pathlib.Path) -> None:
    base = tmp_path / "config.yaml"
    base.write_text(MINIMAL)
    with pytest.raises(ConfigError, match="root: received None, expected a valid string"):
        load_config(str(base), ["root="])
    assert load_config(str(base), ["baseline.reset_token=''"]).baseline.reset_token == ""


def test_quotes_are_yaml_s(tmp_path: pathlib.Path) -> None:
    base = tmp_path / "config.yaml"
    base.write_text(MINIMAL)
    read = load_config(str(base), ["beam.flink_version='null'", 'baseline.reset_token="a #b"'])
    assert (read.beam.flink_version, read.baseline.reset_token) == ("null", "a #b")
