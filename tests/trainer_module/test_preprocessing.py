import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from tests.trainer_module.digits_data import digit_pixels, encode_png, make_example, run_transform
from tfx_contrastive.trainer_module import preprocessing
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.preprocessing import channel_statistics, class_names

CONFIG = ImageConfig(height=8, width=8, channels=1)
IMAGE_SPEC = tf.io.FixedLenFeature([], tf.string)


def test_statistics_and_indices_are_exact(tmp_path: pathlib.Path) -> None:
    pixels, digits = digit_pixels(60)
    # Most frequent class last in the alphabet, so that an order by frequency would show.
    names = ["b of/ä" if digit < 3 else "zebra" if digit < 9 else None for digit in digits]
    examples = [make_example(encode_png(one), name) for one, name in zip(pixels, names, strict=True)]
    output = run_transform(tmp_path / "graph", examples, CONFIG)
    assert class_names(output) == ("b of/ä", "zebra")
    raw = tf.io.parse_example(examples, output.raw_feature_spec())
    features = output.transform_features_layer()(raw)
    np.testing.assert_array_equal(features["image"].numpy()[..., 0], pixels)
    expected = [-1 if name is None else ("b of/ä", "zebra").index(name) for name in names]
    np.testing.assert_array_equal(features["label_index"], expected)
    scaled = pixels / 255.0
    mean, std = channel_statistics(output)
    np.testing.assert_allclose(mean, [scaled.mean()], rtol=1e-6)
    np.testing.assert_allclose(std, [scaled.std()], rtol=1e-5)
    assert set(features) == {"image", "label_index"}  # statistics do not travel in every row


def test_a_label_never_seen_is_unknown(tmp_path: pathlib.Path) -> None:
    pixels, _ = digit_pixels(10)
    output = run_transform(tmp_path / "graph", [make_example(encode_png(one), "a") for one in pixels], CONFIG)
    raw = tf.io.parse_example([make_example(encode_png(pixels[0]), "new")], output.raw_feature_spec())
    assert output.transform_features_layer()(raw)["label_index"].numpy().tolist() == [-1]


def test_no_image_has_a_label(tmp_path: pathlib.Path) -> None:
    pixels, _ = digit_pixels(10)
    output = run_transform(tmp_path / "graph", [make_example(encode_png(one)) for one in pixels], CONFIG)
    assert class_names(output) == ()
    raw = tf.io.parse_example([make_example(encode_png(pixels[0]))], output.raw_feature_spec())
    assert output.transform_features_layer()(raw)["label_index"].numpy().tolist() == [-1]


def test_schema_without_label(tmp_path: pathlib.Path) -> None:
    pixels, _ = digit_pixels(10)
    examples = [make_example(encode_png(one)) for one in pixels]
    output = run_transform(tmp_path / "graph", examples, CONFIG, {"image": IMAGE_SPEC})
    assert class_names(output) == ()
    raw = tf.io.parse_example(examples, output.raw_feature_spec())
    assert output.transform_features_layer()(raw)["label_index"].numpy().tolist() == [-1] * 10


def test_schema_with_a_label_on_every_image(tmp_path: pathlib.Path) -> None:
    pixels, digits = digit_pixels(20)
    examples = [make_example(encode_png(one), str(digit)) for one, digit in zip(pixels, digits, strict=True)]
    spec = {"image": IMAGE_SPEC, "label": tf.io.FixedLenFeature([1], tf.string)}
    output = run_transform(tmp_path / "graph", examples, CONFIG, spec)
    raw = tf.io.parse_example(examples, output.raw_feature_spec())
    np.testing.assert_array_equal(output.transform_features_layer()(raw)["label_index"], digits)


@pytest.mark.parametrize("cuts", [(), (1,), (3, 3, 7), (0, 10)])
def test_the_mean_does_not_depend_on_how_rows_are_spread(cuts: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    combine = preprocessing._MeanCombineFn()
    parts = [combine.add_input(combine.create_accumulator(), (part,)) for part in np.split(rows, cuts)]
    mean = combine.extract_output(combine.merge_accumulators([combine.create_accumulator(), *parts]))
    np.testing.assert_allclose(mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-12)


def test_a_constant_channel_has_a_standard_deviation_of_one_gray_level(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new" / "statistics.json"
    told = preprocessing._write_statistics(np.array([0.5, 0.5, 0.25, 0.5]), str(path))
    assert told.item() == str(path).encode()
    statistics = json.loads(path.read_text())
    assert statistics["mean"] == [0.5, 0.5]
    np.testing.assert_allclose(statistics["std"], [1 / 255, 0.5], rtol=1e-6)


def test_statistics_survive_their_file_bit_by_bit(tmp_path: pathlib.Path) -> None:
    moments = np.random.default_rng(1).uniform(0.3, 0.4, 6)
    preprocessing._write_statistics(
        moments, str(tmp_path / "transform_fn" / "assets" / "channel_statistics.json")
    )
    mean, std = channel_statistics(tft.TFTransformOutput(str(tmp_path)))
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_array_equal(mean, moments[:3].astype(np.float32))
    np.testing.assert_array_equal(std, np.sqrt(moments[3:] - moments[:3] ** 2).astype(np.float32))


def test_a_graph_without_statistics_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        ValueError, match=r"there is no .*channel_statistics\.json: give the output of this version"
    ):
        channel_statistics(tft.TFTransformOutput(str(tmp_path)))


def test_a_label_with_a_line_break_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="contains a line break: rename this class"):
        preprocessing._write_lines([b"a\nb"], str(tmp_path / "labels"))
