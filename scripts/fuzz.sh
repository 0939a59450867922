#!/usr/bin/env bash
# Replays the committed inputs of fuzz/corpus, then fuzzes every target for so long, two at a time. Inputs found stay in fuzz/target/corpus.
#   usage: scripts/fuzz.sh SECONDS [TARGET...]
# Fuzzing needs a nightly toolchain and a C++ compiler; cargo-fuzz is installed into fuzz/target/tools if there is none.
set -uo pipefail
cd "$(dirname "$0")/../fuzz" || exit
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}; shift
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "SECONDS is '$seconds': use a whole number above 0" >&2; exit 2; }
all=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
for target in "$@"; do
  [[ $'\n'$all$'\n' == *$'\n'"$target"$'\n'* ]] || { echo "there is no target '$target': use" $all >&2; exit 2; }
done
# Targets write files; in memory that is ten times as fast.
[ -w /dev/shm ] && export TMPDIR=/dev/shm

# What the tests share with the workspace is built once.
CARGO_TARGET_DIR=../target cargo test --release || exit

skip() { echo "skip: fuzz: $1" | tee -a "${SARTOR_TEST_LOG:-/dev/null}"; exit 0; }
cargo +nightly --version >/dev/null 2>&1 || skip "no nightly toolchain (rustup toolchain install nightly)"
command -v c++ >/dev/null || skip "no C++ compiler for libFuzzer"
PATH=$PWD/target/tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --locked --root target/tools cargo-fuzz || skip "cargo-fuzz cannot be installed"
cargo +nightly fuzz build || exit

# Runs one target and says what came of it, as cargo test does.
fuzz() {
  local target=$1 log=target/$1.log start=$SECONDS
  mkdir -p "target/corpus/$target"
  if cargo +nightly fuzz run "$target" "target/corpus/$target" "corpus/$target" -- \
      -max_total_time="$seconds" -timeout=300 -rss_limit_mb=2048 -max_len=4096 >"$log" 2>&1; then
    echo "test fuzz::$target ... ok ($(sed -n 's/^Done \([0-9]*\) runs.*/\1 runs/p' "$log") in $((SECONDS - start)) s)"
  else
    echo "test fuzz::$target ... FAILED"; tail -n 30 "$log"
    return 1
  fi
}
passed=0 failed=0
set -- ${*:-$all}
while [ $# -gt 0 ]; do
  jobs=()
  for target in "${@:1:2}"; do fuzz "$target" & jobs+=($!); done
  for job in "${jobs[@]}"; do if wait "$job"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi; done
  shift "${#jobs[@]}"
done
[ $failed = 0 ] && verdict=ok || verdict=FAILED
echo "test result: $verdict. $passed passed; $failed failed; 0 ignored"
[ $failed = 0 ]
