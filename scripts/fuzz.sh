#!/usr/bin/env bash
# Fuzzes every target for so many seconds, one after another: a campaign, which `./test` leaves out. Inputs that are found stay in
# fuzz/target/corpus.
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

cargo +nightly --version >/dev/null 2>&1 || { echo "fuzzing needs a nightly toolchain: rustup toolchain install nightly" >&2; exit 1; }
command -v c++ >/dev/null || { echo "libFuzzer needs a C++ compiler" >&2; exit 1; }
PATH=$PWD/target/tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --debug --locked --root target/tools cargo-fuzz || exit
cargo +nightly fuzz build || exit
passed=0 failed=0 verdict=ok
for target in ${*:-$all}; do
  if fuzz "$target"; then passed=$((passed + 1)); else failed=$((failed + 1)) verdict=FAILED; fi
done
echo "test result: $verdict. $passed passed; $failed failed; 0 ignored"
[ $failed = 0 ]
