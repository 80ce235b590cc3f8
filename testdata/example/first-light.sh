#!/bin/sh
# Installs what is needed, builds varve, and takes the bundled example from its Dockerfile to a running image.
# Nothing beyond package registries is contacted. The store is a temporary one, removed at the end.
set -eu
cd "$(dirname "$0")/../.."

say() { printf '\n== %s\n' "$*"; }

if ! command -v busybox >/dev/null || ! command -v cc >/dev/null || ! command -v newuidmap >/dev/null; then
  say "Installing system packages"
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -q
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends busybox-static gcc libc6-dev uidmap
fi

say "Building varve"
cargo build --release --locked
varve=$PWD/target/release/varve

VARVE_ROOT=$(mktemp -d)
export VARVE_ROOT
trap 'rm -rf "$VARVE_ROOT" "$VARVE_ROOT.tar"' EXIT

say "A base image around busybox"
"$varve" build -t busybox --build-context host="$(dirname "$(readlink -f "$(command -v busybox)")")" testdata/example/base

say "The example, into the store and an OCI tar"
"$varve" build -t example:v1 -o type=oci,dest="$VARVE_ROOT.tar" testdata/example/app

say "The same again: every step is reused"
"$varve" build -t example:v1 testdata/example/app

say "The image, running"
"$varve" run example:v1
"$varve" images
