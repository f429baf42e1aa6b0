"""Make `.venv` from the lock file of the interpreter that fits this machine.

Every Makefile target runs it; a second run finds its stamp and returns at once. It needs nothing but the
standard library and runs on Python 3.6 and newer, so that it can explain what is missing.
"""

import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from typing import Iterator, List, NoReturn, Optional, Set, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, ".tfx-contrastive-lock")
UV_VERSION = "0.13.9"

# TFX 1.16 (Python 3.10) installs on any glibc; the wheels of TFX 1.21 need glibc 2.39.
ANY_GLIBC = [(3, 10)]
NEW_GLIBC = [(3, 11), (3, 12), (3, 10), (3, 13)]  # 3.13 last: it compiles one package
NEEDED_GLIBC = (2, 39)


def glibc_version() -> Tuple[int, int]:
    """Return the version of the C library as (major, minor); (0, 0) if it is not glibc."""
    name, version = platform.libc_ver()
    if name != "glibc":
        return (0, 0)
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def fitting_versions() -> List[Tuple[int, int]]:
    """Return the Python versions that TFX supports on this machine, the preferred one first."""
    return NEW_GLIBC if glibc_version() >= NEEDED_GLIBC else ANY_GLIBC


def version_of(interpreter: str) -> Optional[Tuple[int, int]]:
    """Return (major, minor) of an interpreter, or None if it does not start (a pyenv shim, for example)."""
    probe = "import sys; print('%d %d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [interpreter, "-c", probe], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
        major, minor = done.stdout.decode().split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return int(major), int(minor)


def candidates(version: Tuple[int, int]) -> Iterator[Optional[str]]:
    """Yield the places where an interpreter of this version may be."""
    name = "python%d.%d" % version
    yield shutil.which(name)
    yield shutil.which("python3")
    home = os.path.expanduser("~")
    roots = [os.environ.get("PYENV_ROOT", os.path.join(home, ".pyenv")) + "/versions/*"]
    roots += [os.path.join(home, ".local/share/uv/python/*"), "/opt/python/*", "/usr/local"]
    for root in roots:
        for path in sorted(glob.glob(os.path.join(root, "bin", name)), reverse=True):
            yield path


def find_python() -> Tuple[str, Tuple[int, int]]:
    """Return the interpreter to use and its version: $PYTHON if given, else the first that fits.

    Raises:
        SystemExit: If none fits; the message says which versions work and how to get one.
    """
    wanted = fitting_versions()
    named = os.environ.get("PYTHON")
    if named:
        version = version_of(named)
        if version in wanted:
            return named, version
        problem = "does not start" if version is None else "is Python %d.%d" % version
        fail("PYTHON=%s %s. %s" % (named, problem, advice(wanted)))
    seen: Set[str] = set()
    for version in wanted:
        for path in candidates(version):
            if path is None or path in seen:
                continue
            found = version_of(path)
            if found == version:
                return path, version
            if found is not None and found not in wanted:
                seen.add(path)
    own = "this one is Python %d.%d" % sys.version_info[:2]
    fail("no fitting Python interpreter was found (%s). %s" % (own, advice(wanted)))


def advice(wanted: List[Tuple[int, int]]) -> str:
    """Return a text with the versions that work on this machine and how to get one."""
    names = ", ".join("3.%d" % minor for _, minor in sorted(wanted))
    return (
        "With glibc %d.%d this project runs on Python %s.\n" % (*glibc_version(), names)
        + "Get one, then run the same command again:\n"
        + "  uv python install 3.10     (https://docs.astral.sh/uv, no root needed)\n"
        + "  pyenv install 3.10         (https://github.com/pyenv/pyenv, compiles it)\n"
        + "  apt-get install python3 python3-venv python3-dev g++  (on Debian 13, Ubuntu 22.04, 24.04 only)\n"
        + "or name it: make run PYTHON=/path/to/python3.10"
    )


def fail(text: str) -> NoReturn:
    """Exit with one message."""
    sys.exit("tfx-contrastive set-up: " + text)


def run(command: List[str], hint: str) -> None:
    """Run a command quietly; on failure, exit with its output and a hint."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        fail("`%s` failed:\n%s\n%s" % (" ".join(command), output, hint))


def digest_of(lock: str, version: Tuple[int, int]) -> str:
    """Return a digest of everything that the environment depends on."""
    sha = hashlib.sha256(repr((version, UV_VERSION)).encode())
    for path in (lock, os.path.join(ROOT, "setup.py")):
        with open(path, "rb") as handle:
            sha.update(handle.read())
    return sha.hexdigest()


def is_ready(digest: str, python: str) -> bool:
    """Return True if `.venv` was made from exactly this lock file and still starts."""
    try:
        with open(STAMP) as handle:
            return handle.read() == digest and version_of(python) is not None
    except OSError:
        return False


def main() -> None:
    """Make the environment, unless it is ready."""
    python, version = find_python()
    lock = os.path.join(ROOT, "requirements", "py%d%d.txt" % version)
    digest = digest_of(lock, version)
    venv_python = os.path.join(VENV, "bin", "python")
    if is_ready(digest, venv_python):
        return
    line = "1.16" if version == (3, 10) else "1.21"
    print(
        "Preparing .venv: Python %d.%d, TFX %s, packages from %s"
        % (version + (line, os.path.relpath(lock, ROOT)))
    )
    sys.stdout.flush()
    shutil.rmtree(VENV, ignore_errors=True)
    run(
        [python, "-m", "venv", VENV],
        "On Debian and Ubuntu: apt-get install python%d.%d-venv (or python3-venv)." % version,
    )
    tools = os.path.join(VENV, ".tools")  # outside site-packages: `uv pip sync` would remove it
    run(
        [venv_python, "-m", "pip", "install", "--quiet", "--target", tools, "uv==" + UV_VERSION],
        "The package index could not be reached, or has no uv %s." % UV_VERSION,
    )
    uv = os.path.join(tools, "bin", "uv")
    compiler = "A package without a wheel is compiled: apt-get install g++ python3-dev."
    run([uv, "pip", "sync", "--quiet", "--python", venv_python, lock], compiler)
    run([uv, "pip", "install", "--quiet", "--python", venv_python, "--no-deps", "--editable", ROOT], compiler)
    with open(STAMP, "w") as handle:
        handle.write(digest)


if __name__ == "__main__":
    main()
