#!/usr/bin/env bash
# Builds the Dockerfile with podman and runs the image's tasks in real containers, without a registry.
#
#   ci/image.sh                builds, then compiles a pipeline and runs its first two tasks
#   IMAGE_BASE=name ci/image.sh  builds on another base image than the one made here by debootstrap
#
# Needs root, podman, runc and debootstrap: apt-get install podman runc debootstrap
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)".*/\1/p' "$checkout/tfx_contrastive/__init__.py")
image=${IMAGE:-localhost/tfx-contrastive:$version}
base=${IMAGE_BASE:-localhost/debian-trixie-minbase:latest}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in podman runc debootstrap; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install $program" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "podman with runc needs root here: run this with sudo" >&2; exit 1; }

# Limits and the cgroup manager that also work inside of containers and small virtual machines.
export CONTAINERS_CONF="$work/containers.conf"
cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF

if [ -z "${IMAGE_BASE:-}" ] && ! podman image exists "$base"; then
  debootstrap --variant=minbase --include=ca-certificates trixie "$work/root"
  # What the build needs to reach the package indexes from this machine.
  cp -L /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$work/root" -c . | podman import - "$base" >/dev/null
  rm -rf "$work/root"
fi

# Settings of this machine's package index, as mounts: they never become part of the image.
mounts=()
for settings in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.config/uv/uv.toml"; do
  [ -f "$settings" ] && mounts+=(--volume "$settings:${settings/#$HOME//root}:ro")
done
podman build --network host --isolation chroot --build-arg "BASE=$base" "${mounts[@]}" \
  --tag "$image" --file "$checkout/Dockerfile" "$checkout"

run=(podman run --rm --runtime runc --network none --read-only --tmpfs /tmp:rw,size=2g)
"${run[@]}" "$image" sh -c 'test "$(id -u)" = 1000 && tfx-contrastive --version'
mkdir "$work/out" "$work/minio"
chmod 777 "$work/out" "$work/minio"
"${run[@]}" --volume "$work/out:/out" "$image" \
  tfx-contrastive compile --config digits --out /out/digits.yaml
"${run[@]}" --volume "$work/out:/out:ro" --volume "$checkout/ci/run_task.py:/run_task.py:ro" \
  --volume "$work/minio:/minio" "$image" python /run_task.py /out/digits.yaml ImageExampleGen ImportSchemaGen
echo "The image $image is built, and its tasks run in it."
podman image inspect --format 'size {{.Size}} bytes' "$image"
