#!/usr/bin/env bash
# Compiles the pipeline on digits and runs every task's real command with KFP's own orchestrator, kfp.local.
#
#   ci/kfp_local.sh [NAME=VALUE ...]     run-time parameters, such as pretrain_steps=50
#
# Needs `make setup`. kfp.local gets an environment of its own under the user's cache.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd)
bin="$checkout/.venv/bin"
tools=${KFP_LOCAL_ENV:-${XDG_CACHE_HOME:-$HOME/.cache}/tfx-contrastive/kfp-local}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -x "$tools/bin/python" ]; then
  "$checkout/.venv/.tools/bin/uv" venv --quiet --python "$bin/python" "$tools"
  "$checkout/.venv/.tools/bin/uv" pip install --quiet --python "$tools/bin/python" "kfp==2.16.1" docker
fi
"$bin/tfx-contrastive" compile --config digits --out "$work/digits.yaml"
PATH="$bin:$PATH" "$tools/bin/python" "$checkout/ci/kfp_local.py" "$work/digits.yaml" "$work/run" "$@"
ls "$work/run/state/serving/digits"
