"""Schemas of named data sets, and the file that a run uses."""

import pathlib
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_contrastive.components.examples.schema import base_schema
from tfx_contrastive.components.image_example_gen.adapters.known_data_sets import CLASS_NAMES
from tfx_contrastive.contract.examples import FEATURES
from tfx_contrastive.pipeline import schema


def entries(found: Any) -> dict[Any, Any]:
    return {feature.name: feature for feature in found.feature}


def test_the_base_schema_has_the_features_of_the_contract_in_their_order() -> None:
    assert [feature.name for feature in base_schema().feature] == [feature.name for feature in FEATURES]
    assert [feature.type for feature in base_schema().feature][:5] == [schema_pb2.BYTES] * 4 + [
        schema_pb2.INT
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "image",
            "type: BYTES presence {min_fraction: 1 min_count: 1} shape {dim {size: 1}} image_domain {}",
        ),
        (
            "label",
            "type: BYTES presence {min_fraction: 0} value_count {min: 1 max: 1} "
            'string_domain {value: "a" value: "b"}',
        ),
        (
            "source",
            "type: BYTES presence {min_fraction: 1 min_count: 1} shape {dim {size: 1}} "
            "string_domain {is_categorical: CATEGORICAL_NO} distribution_constraints {min_domain_mass: 0}",
        ),
        (
            "num_bytes",
            "type: INT presence {min_fraction: 1 min_count: 1} shape {dim {size: 1}} int_domain {min: 1}",
        ),
        (
            "channels",
            "type: INT presence {min_fraction: 1 min_count: 1} shape {dim {size: 1}} "
            "int_domain {min: 1 max: 4}",
        ),
        (
            "contrast",
            "type: FLOAT presence {min_fraction: 1 min_count: 1} shape {dim {size: 1}} "
            "float_domain {min: 0 max: 0.5 disallow_nan: true}",
        ),
        (
            "near_copy",
            "type: BYTES presence {min_fraction: 0} value_count {min: 1 max: 1} "
            'string_domain {value: "none" value: "train"}',
        ),
    ],
)
def test_each_kind_of_feature(name: str, expected: str) -> None:
    found = entries(base_schema(["b", "a"]))[name]
    assert found == text_format.Parse(f'name: "{name}" {expected}', schema_pb2.Feature())


@pytest.mark.parametrize(
    ("name", "classes", "side"), [("fashion_mnist", CLASS_NAMES, 28), ("digits", tuple("0123456789"), 8)]
)
def test_a_named_schema_is_the_base_schema_with_classes_and_size(name: str, classes: Any, side: int) -> None:
    found = entries(schema.named(name))
    assert list(found["label"].string_domain.value) == sorted(classes)
    for key, size in (("height", side), ("width", side), ("channels", 1)):
        assert (found[key].int_domain.min, found[key].int_domain.max) == (size, size)
        found[key].int_domain.CopyFrom(entries(base_schema())[key].int_domain)
    assert found == entries(base_schema(classes))


def test_the_staged_file_holds_the_schema_and_its_path_follows_the_content(tmp_path: pathlib.Path) -> None:
    path = schema.staged("digits", str(tmp_path))
    assert text_format.Parse(pathlib.Path(path).read_text(), schema_pb2.Schema()) == schema.named("digits")
    assert schema.staged("digits", str(tmp_path)) == path
    assert schema.staged("fashion_mnist", str(tmp_path)) != path


def test_a_users_own_file_is_taken_byte_by_byte(tmp_path: pathlib.Path) -> None:
    own = tmp_path / "own.pbtxt"
    own.write_text('# ours\nfeature { name: "image" }\n')
    first = pathlib.Path(schema.staged(str(own), str(tmp_path / "root")))
    assert first.read_bytes() == own.read_bytes()
    own.write_text("# edited\n")
    assert schema.staged(str(own), str(tmp_path / "root")) != str(first)
    assert first.is_file()


def test_an_unknown_name_is_told_the_known_ones(tmp_path: pathlib.Path) -> None:
    for call in (schema.check_known, lambda name: schema.staged(name, str(tmp_path))):
        with pytest.raises(ValueError, match="one of the names digits, fashion_mnist, or null"):
            call("nope")
