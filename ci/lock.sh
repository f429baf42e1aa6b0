#!/usr/bin/env bash
# Resolves requirements/py*.txt from setup.py, one file per Python version, and requirements/docs.txt.
#
#   ci/lock.sh              adds and removes packages, leaves the versions of all others alone
#   ci/lock.sh --upgrade    takes the newest versions that go together
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/.tools/bin/uv

lock() { # python version, platform whose wheels are allowed, further options
  "$uv" pip compile setup.py --extra heic --extra kubeflow --extra kubeflow-registry --extra onnx --extra test --extra lint \
    --quiet --no-header --python-version "$1" --python-platform "$2" --output-file "requirements/py${1/./}.txt" "${@:3}"
}

lock 3.10 x86_64-manylinux_2_28 "$@"
for version in 3.11 3.12 3.13; do
  lock "$version" x86_64-manylinux_2_39 "$@"
done
# The site needs none of the above: its API pages are read from the sources, which are not imported.
"$uv" pip compile requirements/docs.in --quiet --no-header --universal --python-version 3.10 \
  --output-file requirements/docs.txt "$@"
