"""`tfx-contrastive views`: a picture before any run."""

import os
import pathlib
import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result
from PIL import Image

from tests.components.image_example_gen.support import encoded, image_folder, picture, write
from tfx_contrastive.pipeline.cli import preview


def draw(*arguments: Any) -> Result:
    return CliRunner().invoke(preview.views_command, list(arguments))


def test_it_draws_the_images_of_the_configuration_and_says_so(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "images", ["cat", "dog"], 4)
    write(tmp_path / "images" / "cat" / "broken.png", encoded(picture(99))[:60])
    config = tmp_path / "pets.yaml"
    config.write_text(
        "name: pets\n"
        f"root: {tmp_path}/runs\n"
        f"data: {{source: {{kind: image_folder, path: {tmp_path}/images}}}}\n"
        "image: {height: 32, width: 24, channels: 3}\n"
        "pretrain: {views: {policy: [{name: crop}, {name: color_jitter}], small: {count: 2}}}\n"
    )
    out = tmp_path / "sub" / "views.png"
    done = draw("--config", str(config), "--out", str(out), "--images", "20", "--draws", "2")
    assert done.exit_code == 0, done.output
    first, *rest = done.output.splitlines()
    assert first.startswith(f"{out}: 8 images of ")
    assert first.endswith(" as 32x24x3, each with 2 draws of views")
    assert "  crop: min_area 0.25, max_area 1, max_aspect_ratio 1.3333, probability 1" in rest
    assert "  and 2 small views of 5% to 30% of an image" in rest
    assert "  passed over: 1 truncated" in rest
    with Image.open(out) as drawn:
        assert drawn.format == "PNG"
    assert not (tmp_path / "runs").exists()  # a look leaves nothing behind but the picture
    unnamed = draw("--config", str(config), "--out", str(out), "--images", "1", "--set", "pretrain={}")
    steps = [line.split(":")[0].strip() for line in unnamed.output.splitlines() if line.startswith("  ")]
    assert steps[:6] == ["crop", "flip", "brightness", "contrast", "color_jitter", "grayscale"]


def test_a_policy_that_does_not_fit_is_told_plainly(tmp_path: pathlib.Path) -> None:
    policy = "pretrain.views.policy=[{name: color_jitter}]"
    done = draw("--config", "digits", "--set", policy, "--out", str(tmp_path / "views.png"))
    assert done.exit_code == 1
    assert done.output == (
        "Error: The configuration digits can't be used:\n"
        "  pretrain.views.policy has color_jitter, but images have 1 channel(s), not 3 or 4: "
        "remove these steps, or set image.channels to 3.\n"
    )


def test_it_imports_no_tfx(tmp_path: pathlib.Path) -> None:
    arguments = ["--config", "digits", "--out", str(tmp_path / "views.png")]
    script = (
        "import sys; from tfx_contrastive.pipeline.cli.preview import views_command; "
        f"views_command({arguments}, standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('tfx', 'apache_beam', 'tensorflow_transform')))"
    )
    own = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=own
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
