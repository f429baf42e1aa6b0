#!/usr/bin/env bash
# Runs the tests on the TFX 1.21 line in a Debian 13 root (glibc 2.41), for machines that lack glibc 2.39.
#
#   ci/debian13.sh [make target ...]     default: test
#
# Needs root and debootstrap. The root is kept in $DEBIAN13_ROOT (default: a folder of the
# user's cache) and used again; the checkout's HEAD is cloned into it anew at each call.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd)
root=${DEBIAN13_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/tfx-contrastive/debian13}
targets=("${@:-test}")

command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "chroot needs root: run this with sudo" >&2; exit 1; }

if [ ! -x "$root/usr/bin/make" ]; then
  mkdir -p "$root"
  debootstrap --variant=minbase \
    --include=python3,python3-venv,python3-dev,build-essential,make,git,ca-certificates trixie "$root"
fi
# What this machine needs to reach the package index: certificates, names, pip's settings.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
for settings in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.config/uv/uv.toml"; do
  if [ -f "$settings" ]; then
    mkdir -p "$root$(dirname "$settings")"
    cp -L "$settings" "$root$settings"
  fi
done

rm -rf "$root/src"
git clone --quiet "$checkout" "$root/src"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/sys" || mount -t sysfs -o ro sysfs "$root/sys"
mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
mountpoint -q "$root/dev/shm" || mount -t tmpfs tmpfs "$root/dev/shm"
trap 'umount "$root/proc" "$root/sys" "$root/dev/shm" "$root/dev"' EXIT
chroot "$root" /usr/bin/env -u PYTHON -u PYENV_ROOT HOME="$HOME" PATH=/usr/local/bin:/usr/bin:/bin \
  bash -c 'cd /src && . /etc/os-release && echo "$PRETTY_NAME, $(python3 --version), $(ldd --version | head -1)" && make "$@"' make "${targets[@]}"
