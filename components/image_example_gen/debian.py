"""Takes a data set out of a Debian package, without installing it and without root."""

import pathlib
import shutil
import subprocess
import tempfile

from tfx_contrastive.contract.errors import DownloadError

_TIMEOUT_SECONDS = 300


def unpack(package: str, folder: str, directory: str) -> None:
    """Downloads a package with apt, which checks its signature chain, and copies one folder's files.

    Args:
        package: The package's name.
        folder: Absolute path that the files have in the package.
        directory: Where to put them; a file appears there only when it is whole.

    Raises:
        DownloadError: Where there is no apt, it knows no such package, or the folder is not in it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        _run(["apt-get", "download", package], package, scratch)
        (archive,) = pathlib.Path(scratch).glob("*.deb")
        _run(["dpkg-deb", "-x", archive.name, "root"], package, scratch)
        files = sorted(pathlib.Path(scratch, "root", folder.lstrip("/")).glob("*"))
        if not files:
            raise DownloadError(f"Debian package {package}: has no files under {folder}")
        try:
            target = pathlib.Path(directory)
            target.mkdir(parents=True, exist_ok=True)
            for file in files:
                partial = target / f"{file.name}.part"
                shutil.copyfile(file, partial)
                partial.replace(target / file.name)
        except OSError as error:
            raise DownloadError(f"{directory}: can't be written ({error.strerror})") from error


def _run(command: list[str], package: str, directory: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise DownloadError(f"Debian package {package}: this system has no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise DownloadError(f"Debian package {package}: {command[0]} gave no answer") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["failed"]
        raise DownloadError(f"Debian package {package}: {command[0]}: {lines[0].removeprefix('E: ')}")
