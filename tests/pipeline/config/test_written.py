"""YAML with the text of each value: the same values as YAML's own, and errors instead of surprises."""

import pathlib
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given, settings

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import written
from tfx_contrastive.pipeline.config.loading import configurations_in, load_config, only_configuration

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.dates() | TEXT
TREES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXT, each, max_size=3)
)


@settings(deadline=None, max_examples=30)
@given(TREES)
def test_values_are_those_of_yaml(tree: Any) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True)
    assert written.plain(written.read(text)) == yaml.safe_load(text)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_and_any_override_is_taken(text: str) -> None:
    try:
        found = str(written.plain(written.read(text)))
    except ConfigError as error:
        found = str(error)
    assert found
    override = written.read_override(text)
    assert isinstance(override, str) or override.text == text.strip()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.10", written.Written(1.1, "1.10")),
        ("no", written.Written(False, "no")),
        ("", written.Written(None, "")),
        ("'1.10'", "1.10"),
        ("2024-13-01", "2024-13-01"),  # no date
        ("[1, a]", [written.Written(1, "1"), "a"]),
        ("{1.0: no}", {"1.0": written.Written(False, "no")}),  # keys are text
        ("{a: &x {b: 1}, c: {<<: *x}}", {key: {"b": written.Written(1, "1")} for key in "ac"}),
    ],
)
def test_what_is_no_text_keeps_its_text(text: str, value: Any) -> None:
    assert written.read(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "^line 3 has the key 'a' a second time$"),
        ("a: 1\n? [b]\n: 2", "^line 2 has a list or a mapping as a key$"),
        ("&a [*a]", "^it is nested too deeply, or contains itself$"),
        pytest.param("[" * 600, "^it is nested too deeply, or contains itself$", id="600 lists"),
        ("a: \x01", "unacceptable character #x0001"),
        ("!secret x", "could not determine a constructor for the tag '!secret'"),
        ("a: *b", "found undefined alias 'b'"),
        ("<<: 3", "expected a mapping or list of mappings for merging"),
        ("--- a\n--- b", "expected a single document"),
    ],
)
def test_what_can_not_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        written.read(text)


def bomb(first: str, repeated: str) -> str:
    """Return a document of ten lines in which each line repeats the line before ten times."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {repeated % ', '.join([f'*a{n - 1}'] * 10)}" for n in range(1, 10)]
    return "name: a\ndata: b\n" + "\n".join(lines)


@pytest.mark.parametrize(("first", "repeated"), [("[x]", "[%s]"), ("{k: v}", "{<<: [%s]}")])
def test_aliases_that_stand_for_very_many_values_are_refused(
    tmp_path: pathlib.Path, first: str, repeated: str
) -> None:
    text = bomb(first, repeated)
    with pytest.raises(
        ConfigError, match="^it stands for [0-9,]+ values .* at most 100,000; use fewer aliases$"
    ):
        written.read(text)
    (tmp_path / "bomb.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"bomb.yaml can't be read as YAML: it stands for [0-9,]+ values"):
        load_config(str(tmp_path / "bomb.yaml"))
    assert configurations_in(tmp_path) == [tmp_path / "bomb.yaml"]
    override = f"[&a [{'x, ' * 1000}], {'*a, ' * 1000}]"
    assert written.read_override(override) == override  # taken as text, which no list of values accepts


def test_aliases_may_repeat_a_section() -> None:
    found = written.read("{a: &x [1, 2], b: [*x, *x]}")
    assert written.plain(found) == {"a": [1, 2], "b": [[1, 2], [1, 2]]}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("name: a\ndata: {}", True),
        ("name: a\ndata: [", True),  # broken, but meant as one
        ("name: a\ndata: \x01", True),
        ("{name: a, data: [", False),
        ("name: a", False),
        ("- name\n- data", False),
        ("# name, data", False),
        ("", False),
    ],
)
def test_configurations_are_told_from_other_files(tmp_path: pathlib.Path, text: str, is_one: bool) -> None:
    path = tmp_path / "a b.YML"
    path.write_text(text)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xfc\ndata: 1")
    (tmp_path / "large.yaml").write_text("name: a\ndata: b\n" + "#" * 2**20)
    (tmp_path / "name: data.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("name: a\ndata: {}")
    assert configurations_in(tmp_path) == [path] * is_one
    if is_one:
        assert only_configuration(tmp_path) == path
        path.with_name("c.yaml").write_text(text)
        with pytest.raises(
            ConfigError, match="several configurations: a b.YML, c.yaml. .* --config 'a b.YML'$"
        ):
            only_configuration(tmp_path)
    else:
        with pytest.raises(
            ConfigError, match="holds no configuration, .* the keys name and data. .*: digits, "
        ):
            only_configuration(tmp_path)
