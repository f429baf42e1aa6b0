#!/usr/bin/env bash
# Resolves requirements/*.txt from setup.py, one file for each Python version.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/.tools/bin/uv

lock() { # python version, platform whose wheels are allowed
  "$uv" pip compile setup.py --extra heic --extra kubeflow --extra kubeflow-registry --extra onnx --extra test --extra lint \
    --quiet --no-header --upgrade --python-version "$1" --python-platform "$2" --output-file "requirements/py${1/./}.txt"
}

lock 3.10 x86_64-manylinux_2_28
for version in 3.11 3.12 3.13; do
  lock "$version" x86_64-manylinux_2_39
done
