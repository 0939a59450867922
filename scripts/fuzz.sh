#!/usr/bin/env bash
# Fuzzes every target for so long; seeds are fuzz/corpus, what is found beyond them stays in fuzz/target/corpus.
#   usage: scripts/fuzz.sh SECONDS [TARGET...]
# Needs a nightly toolchain and a C++ compiler; installs cargo-fuzz into fuzz/target/tools if there is none.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}; shift
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "SECONDS is '$seconds': use a whole number above 0" >&2; exit 2; }

skip() { echo "skip: fuzz: $1"; exit 0; }
cargo +nightly --version >/dev/null 2>&1 || skip "no nightly toolchain (rustup toolchain install nightly)"
command -v c++ >/dev/null || skip "no C++ compiler for libFuzzer"
PATH=$PWD/target/tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --locked --root target/tools cargo-fuzz || skip "cargo-fuzz cannot be installed"

all=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
cargo +nightly fuzz build
failed=0
for target in ${*:-$all}; do
  mkdir -p "target/corpus/$target"
  log=target/$target.log
  if cargo +nightly fuzz run "$target" "target/corpus/$target" "corpus/$target" -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096 >"$log" 2>&1; then
    echo "fuzz $target: $(sed -n 's/^Done \([0-9]*\) runs.*/\1 runs/p' "$log") in $seconds s, nothing found"
  else
    echo "fuzz $target: FAILED, see fuzz/$log"; tail -n 30 "$log"; failed=1
  fi
done
exit $failed
