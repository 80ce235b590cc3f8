#!/bin/sh
# Builds the cases of a conformance suite (its directory is the argument) in different circumstances, as root, and wants
# the same image; see tests/reproducible.py.
set -eu
suite=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet
exec python3 tests/reproducible.py "$suite" target/release/varve
