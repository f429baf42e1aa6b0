import os
import pathlib
import shutil
import subprocess
from typing import Any

import pytest

from tfx_contrastive.components.image_example_gen.adapters import known_data_sets
from tfx_contrastive.contract.errors import DownloadError


@pytest.fixture
def tools(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A PATH of its own with what each test puts there; dpkg-deb is the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def script(path: Any, text: str) -> None:
    path.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n{text}\n")
    path.chmod(0o755)


@pytest.mark.skipif(not os.path.exists("/usr/bin/dpkg-deb"), reason="needs Debian's dpkg-deb")
def test_the_files_of_a_package_are_copied(tmp_path: pathlib.Path, tools: Any) -> None:
    (tmp_path / "deb/DEBIAN").mkdir(parents=True)
    (tmp_path / "deb/DEBIAN/control").write_text(
        "Package: toy\nVersion: 1\nArchitecture: all\nMaintainer: none <none@example.org>\nDescription: toy\n"
    )
    (tmp_path / "deb/usr/share/toy").mkdir(parents=True)
    (tmp_path / "deb/usr/share/toy/a.gz").write_bytes(b"content")
    package = tmp_path / "toy_1_all.deb"
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    subprocess.run(["dpkg-deb", "-b", tmp_path / "deb", package], check=True, env=environment)
    # apt can't be had offline; what it would download is this real package.
    script(tools / "apt-get", f"/bin/cp {package} .")
    script(tools / "dpkg-deb", 'PATH=/usr/bin:/bin exec /usr/bin/dpkg-deb "$@"')
    known_data_sets.unpack_debian_package("toy", "/usr/share/toy", str(tmp_path / "out"))
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "out").iterdir()] == [("a.gz", b"content")]
    with pytest.raises(DownloadError, match="has no files under /usr/share/other"):
        known_data_sets.unpack_debian_package("toy", "/usr/share/other", str(tmp_path / "out"))


@pytest.mark.usefixtures("tools")
def test_a_system_without_apt_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DownloadError, match="this system has no apt-get"):
        known_data_sets.unpack_debian_package("toy", "/usr/share/toy", str(tmp_path / "out"))


def test_an_unknown_package_is_told_in_apts_words(tmp_path: pathlib.Path, tools: Any) -> None:
    script(tools / "apt-get", "echo 'E: Unable to locate package toy' >&2; exit 100")
    with pytest.raises(DownloadError, match="toy: apt-get: Unable to locate package toy"):
        known_data_sets.unpack_debian_package("toy", "/usr/share/toy", str(tmp_path / "out"))
