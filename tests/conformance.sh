#!/bin/sh
# Runs a conformance suite (its directory is the argument) and holds the result to tests/conformance-waits.txt:
# every case passes but those listed there, and those listed do fail, so that the list can't go stale.
set -eu
suite=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
result=$(mktemp)
trap 'rm -f "$result"' EXIT
cargo build --release --locked --quiet
python3 "$suite/conform.py" check --tool varve --bin target/release/varve -j 2 --json "$result" || true
python3 - "$result" tests/conformance-waits.txt <<'PYTHON'
import json, sys

cases = json.load(open(sys.argv[1]))
cases = cases["cases"] if isinstance(cases, dict) else cases
passed = {case["name"] for case in cases if case["ok"]}
failed = {case["name"] for case in cases if not case["ok"]}
listed = {line.split()[0] for line in open(sys.argv[2]) if line.strip() and not line.startswith("#")}
may_fail = {name[1:] for name in listed if name.startswith("?")}
waits = {name for name in listed if not name.startswith("?")}
unexpected = sorted(failed - waits - may_fail)
stale = sorted(waits & passed)
for name in unexpected:
    print(f"fails, and is not listed as waiting: {name}")
for name in stale:
    print(f"passes, and is still listed as waiting: {name}")
print(f"{len(passed)} passed, {len(unexpected)} failed")
sys.exit(1 if unexpected or stale or not passed else 0)
PYTHON
