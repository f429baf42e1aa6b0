"""Which configurations a folder holds: what a command takes where none was named."""

import pathlib
import re
import shlex

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import written
from tfx_contrastive.pipeline.config.loading import bundled_configs

_MAX_BYTES = 2**20  # a configuration is written by hand; compiled pipelines and manifests may be huge
_ENDINGS = (".yaml", ".yml")
_KEYS = ("name", "data")


def only_configuration(folder: pathlib.Path) -> pathlib.Path:
    """The one configuration that a folder holds.

    Raises:
        ConfigError: If it holds none or several; the text says which, and what to do.
    """
    found = configurations_in(folder)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ConfigError(
            f"This folder holds several configurations: {names}. Name the one that you mean, for example "
            f"--config {shlex.quote(found[0].name)}"
        )
    bundled = ", ".join(bundled_configs())
    raise ConfigError(
        f"The folder {folder.absolute()} holds no configuration, which is a YAML file with the keys "
        f"{' and '.join(_KEYS)}. Name one with --config FILE, or one that comes with the package: {bundled}."
    )


def configurations_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """The YAML files of a folder that are configurations of a pipeline, sorted by name.

    One that is broken but was meant to be one counts too: reading it says what is wrong.
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
        return False  # most other files: there is no need to parse them
    try:
        values = written.read(text)
    except ConfigError:
        return all(re.search(rf"^[\"']?{key}[\"']?\s*:", text, re.MULTILINE) for key in _KEYS)
    return isinstance(values, dict) and all(key in values for key in _KEYS)
