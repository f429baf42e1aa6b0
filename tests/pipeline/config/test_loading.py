import os
import pathlib
from typing import Any

import pytest

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.config.loading import bundled_configs


def write(tmp_path: pathlib.Path, text: str) -> Any:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


MINIMAL = "name: mine\ndata: {source: {kind: digits}}\n"


@pytest.mark.parametrize("name", sorted(bundled_configs()))
def test_every_bundled_configuration_loads(name: str) -> None:
    assert load_config(name).name


def test_fashion_mnist_keeps_sixty_labels_per_class() -> None:
    assert load_config("fashion_mnist").data.labels_per_class == 60


def test_the_root_is_absolute_and_has_the_name(tmp_path: pathlib.Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    assert config.root == os.path.abspath("runs/mine")
    assert config.serving_dir == f"{config.root}/serving/mine"
    assert config.pushed_dir == f"{config.root}/pushed/mine"
    assert config.metadata_path == f"{config.root}/metadata.sqlite"


def test_a_root_on_an_object_store_stays(tmp_path: pathlib.Path) -> None:
    assert load_config(write(tmp_path, MINIMAL), ["root=gs://bucket/{name}/"]).root == "gs://bucket/mine"


def test_overrides_are_read_as_yaml(tmp_path: pathlib.Path) -> None:
    config = load_config(
        write(tmp_path, MINIMAL),
        ["pretrain.num_steps=7", "data.labels_per_class=null", "beam.args=[--runner=X]", "name=other"],
    )
    assert config.pretrain.num_steps == 7
    assert config.data.labels_per_class is None
    assert config.beam.args == ("--runner=X",)
    assert config.name == "other"


def test_a_configuration_is_frozen(tmp_path: pathlib.Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    with pytest.raises(ValueError, match="frozen"):
        config.name = "changed"  # type: ignore[misc]  # what must fail


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["pretrain.num_stepz=3"], r"pretrain\.num_stepz: unknown key\. Did you mean num_steps\?"),
        (["dta.source=3"], r"dta: unknown key\. Did you mean data\?"),
        (["evaluation.xyzzy=1"], r"evaluation\.xyzzy: unknown key\. Known here: .*min_accuracy"),
        (
            ["evaluation.min_accuracy=1.5"],
            r"accuracy: received 1\.5, expected a number less than or equal to 1",
        ),
        (["pretrain=5"], r"pretrain: received 5, expected a section with keys of: average_decay, .*watch\."),
        (["data.source={path: /x}"], r"data\.source\.kind: missing, expected one of: archive, .*tfrecord\."),
        (["data.source={kind: idxx}"], r"data\.source\.kind: received 'idxx'.*Did you mean idx\?"),
        (["data.source.class_names=[a]"], r"  data\.source\.class_names: unknown key\. Known here: kind\."),
        (["pretrain.views.policy=[{name: crop, x: 1}]"], r"  pretrain\.views\.policy\.0\.x: unknown key"),
        (["metadata.path=/x"], r"metadata\.kind: missing, expected one of: mysql, postgresql, sqlite\."),
        (["metadata.kind=mysql"], r"metadata\.host: missing"),
        (["name=has blank"], r"name: received 'has blank'.*for example has-blank\."),
        (["data.source.kind=folder"], r"data\.source.*image_folder.*digits"),
        (["schema_path=nope"], r"schema_path: received 'nope'\..*one of the names digits, fashion_mnist"),
        (["pretrain"], r"--set pretrain: expected KEY=VALUE"),
        (["=3"], r"--set =3: expected KEY=VALUE"),
        (["name.x=3"], r"--set name\.x=3: name is a single value"),
        (["name=[1"], r"name: received '\[1'"),
        (["pretrain.num_steps=[1"], r"pretrain\.num_steps: received '\[1', expected a valid integer"),
        (["pretrain.num_steps=2024-13-01"], r"received '2024-13-01', expected a valid integer"),
        (["image.channels=2"], r"image\.channels: received 2, expected 1, 3 or 4"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: pathlib.Path, overrides: Any, text: str) -> None:
    with pytest.raises(ConfigError, match="(?s)" + text):
        load_config(write(tmp_path, MINIMAL), overrides)


def test_a_typo_inside_a_nested_choice_is_named(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, "name: a\ndata: {source: {kind: idx, path: /x, class_namez: [a]}}\n")
    with pytest.raises(ConfigError, match=r"class_namez: unknown key\. Did you mean class_names\?"):
        load_config(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"There is no configuration 'nope'.*digits.*fashion_mnist"):
        load_config("nope")


@pytest.mark.parametrize(
    ("text", "error"), [("a: [", "can't be read as YAML"), ("- a", "holds list"), ("", "holds NoneType")]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: pathlib.Path, text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        load_config(write(tmp_path, text))


def test_a_key_that_stands_twice_is_refused(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, MINIMAL + "image: {height: 8}\nimage: {width: 8}\n")
    with pytest.raises(ConfigError, match="line 4 has the key 'image' a second time"):
        load_config(path)


def test_anchors_and_merged_keys_are_read(tmp_path: pathlib.Path) -> None:
    path = write(
        tmp_path, MINIMAL + "baseline: &a {reset_token: 1.10}\nbeam: {args: [&b 2024, *b], image: *b}\n"
    )
    config = load_config(path)
    assert config.baseline.reset_token == "1.10"
    assert config.beam.args == ("2024", "2024")
    assert config.beam.image == "2024"


@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * 1000], ids=["itself", "deep"])
def test_what_never_ends_is_refused(tmp_path: pathlib.Path, text: str) -> None:
    with pytest.raises(ConfigError, match="can't be read as YAML"):
        load_config(write(tmp_path, text))


def test_a_file_that_is_not_text_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't be read as YAML"):
        load_config(str(path))


def step_names(pretrain: Any) -> Any:
    return [step.name for step in pretrain.views.policy]


def test_what_a_model_sees_is_told_to_all_who_look_at_images(tmp_path: pathlib.Path) -> None:
    wanted = ["image.channels=3", "image.background=black", "image.bit_depth=12"]
    config = load_config(write(tmp_path, MINIMAL), wanted)
    for part in (config.data, config.representation_gate):
        seen = part.seen_as
        assert (seen.ground, seen.bit_depth, seen.channels) == ((0, 0, 0), 12, 3)
    assert config.serving.image == config.image


def test_color_images_have_defaults_of_their_own(tmp_path: pathlib.Path) -> None:
    gray = load_config(write(tmp_path, MINIMAL)).pretrain
    assert (gray.encoder.name, gray.batch_size) == ("c4n", 512)
    assert step_names(gray) == ["crop", "flip", "brightness", "contrast"]
    color = load_config(write(tmp_path, MINIMAL), ["image.channels=3"]).pretrain
    assert (color.encoder.name, color.encoder.gradient_grid, color.batch_size) == ("gradnet", 4, 256)
    assert step_names(color) == [*step_names(gray), "color_jitter", "grayscale"]


def test_what_is_named_stays_in_color(tmp_path: pathlib.Path) -> None:
    named = load_config(
        write(tmp_path, MINIMAL),
        [
            "image.channels=4",
            "pretrain.encoder.latent_dim=64",
            "pretrain.batch_size=512",
            "pretrain.views.small.count=2",
        ],
    ).pretrain
    assert (named.encoder.name, named.encoder.latent_dim, named.encoder.gradient_grid) == ("c4n", 64, 0)
    assert (named.batch_size, named.views.small.count) == (512, 2)
    assert step_names(named)[-2:] == ["color_jitter", "grayscale"]
    own = ["image.channels=3", "pretrain.views.policy=[{name: flip}]"]
    assert step_names(load_config(write(tmp_path, MINIMAL), own).pretrain) == ["flip"]


def test_a_configuration_that_was_read_back_is_the_same(tmp_path: pathlib.Path) -> None:
    config = load_config(write(tmp_path, MINIMAL), ["image.channels=3"])
    assert type(config).model_validate_json(config.model_dump_json()) == config
