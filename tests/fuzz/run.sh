#!/bin/sh
# Fuzzes one target for some seconds, from seeds that it makes of testdata: tests/fuzz/run.sh lowering 600
# Needs a nightly compiler and cargo-fuzz. What it finds is in tests/fuzz/artifacts.
set -eu
cd "$(dirname "$0")/../.."
target=$1
seconds=${2:-60}
corpus=tests/fuzz/corpus/$target
seeds=tests/fuzz/corpus/$target-seeds
rm -rf "$seeds"
mkdir -p "$corpus" "$seeds"

options=-max_len=4096
case $target in
dockerfile | lint)
  cp testdata/dockerfiles/*.Dockerfile "$seeds"
  options="-max_len=4096 -dict=tests/fuzz/dockerfile.dict"
  ;;
lowering)
  # A file, and another one's instructions as triggers of its base.
  for file in testdata/dockerfiles/*.Dockerfile; do
    name=$(basename "$file")
    cp "$file" "$seeds/$name"
    { cat "$file"; printf '\0RUN --mount=from=a a\0COPY --from=0 a b\0ENV A=$A'; } >"$seeds/$name-triggers"
  done
  options="-max_len=4096 -dict=tests/fuzz/dockerfile.dict"
  ;;
substitution)
  cat testdata/dockerfiles/*.Dockerfile | tr ' \t' '\n\n' | grep -F '$' | sort -u | while read -r word; do
    number=$((${number:-0} + 1))
    printf '%s\n*-?\nr\nA=1\nv=a-b-c\nE=\n' "$word" >"$seeds/$number"
  done
  options=-max_len=200
  ;;
patterns)
  cp testdata/fuzz/patterns/* "$seeds"
  options=-max_len=200
  ;;
documents)
  cp testdata/fuzz/documents/* "$seeds"
  ;;
archive | context)
  # Every dialect of tar that GNU tar writes, of a tree with every kind of entry.
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  cp testdata/fuzz/documents/index.json "$tree/Dockerfile"
  mkdir "$tree/dir" "$tree/.wh..wh..opq"
  ln "$tree/Dockerfile" "$tree/dir/second"
  ln -s ../Dockerfile "$tree/dir/link"
  ln -s /.. "$tree/up"
  mkfifo "$tree/fifo"
  : >"$tree/.wh.gone"
  : >"$tree/$(printf '%0120d' 0)"
  truncate -s 100000 "$tree/sparse"
  printf end >>"$tree/sparse"
  for format in v7 ustar gnu oldgnu posix; do
    tar -C "$tree" --format=$format -cf "$seeds/$format" . 2>/dev/null || :
    tar -C "$tree" --format=$format -b 1 -cf "$seeds/$format-small" Dockerfile dir fifo up 2>/dev/null || :
  done
  tar -C "$tree" --format=gnu -b 1 -S -cf "$seeds/gnu-sparse" sparse
  for version in 0.0 0.1 1.0; do
    tar -C "$tree" --format=posix -b 1 -S --sparse-version=$version -cf "$seeds/pax-sparse-$version" sparse
  done
  for tool in gzip bzip2 xz zstd; do
    ! command -v $tool >/dev/null || $tool -c "$seeds/gnu-small" >"$seeds/$tool"
  done
  printf 'FROM scratch\n' >"$seeds/text"
  options=-max_len=16384
  ;;
*)
  echo "there is no target $target" >&2
  exit 2
  ;;
esac

# No target reaches unsafe code of varve's, so the sanitizer would only cost runs; overflows are checked.
# shellcheck disable=SC2086 # a list of options
cargo +nightly fuzz run --fuzz-dir tests/fuzz --sanitizer none --debug-assertions "$target" "$corpus" "$seeds" -- \
  $options -timeout=10 -rss_limit_mb=2048 -max_total_time="$seconds" -print_final_stats=1
