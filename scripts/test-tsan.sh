#!/usr/bin/env bash
# The runtime's tests, threads and all, under ThreadSanitizer. Only the runtime is instrumented: the standard library is as it
# comes, and ThreadSanitizer does not see what it orders. `Arc` and the test harness are left out of the reports; the runtime and its
# tests must do without locks and channels.
set -euo pipefail
cd "$(dirname "$0")/.."
skip() { echo "skip: ThreadSanitizer: $1"; [ -z "${SARTOR_TEST_LOG:-}" ] || echo "skip: ThreadSanitizer: $1" >> "$SARTOR_TEST_LOG"; exit 0; }
rustc +nightly --version >/dev/null 2>&1 || skip "no nightly toolchain (rustup toolchain install nightly)"
! grep -nE 'Mutex|RwLock|Condvar|Barrier|Once|mpsc' kernels/src/{runtime,tests}/*.rs || { echo "FAILED: what these order ThreadSanitizer does not see" >&2; exit 1; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
printf 'race:alloc::sync::Arc\nrace:test::event::CompletedTest\n' > "$work/suppressions"
build() { # build SOURCE PROGRAM: the runtime stands alone
  rustc +nightly --test --edition 2024 -O -g -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --crate-name runtime -o "$2" "$1/mod.rs"
}
run() { TSAN_OPTIONS="suppressions=$work/suppressions exitcode=66 allocator_may_return_null=1" "$1" --test-threads=1; }

build kernels/src/runtime "$work/runtime"
run "$work/runtime"
# Threads that order nothing must be noticed.
cp -r kernels/src/runtime "$work/mutant" && cp -r kernels/src/tests "$work/tests"
sed -i 's/Ordering::Release/Ordering::Relaxed/; s/Ordering::AcqRel/Ordering::Relaxed/; s/Ordering::Acquire/Ordering::Relaxed/' "$work"/mutant/{units,wait}.rs
build "$work/mutant" "$work/mutated"
if run "$work/mutated" > "$work/log" 2>&1 || ! grep -q 'ThreadSanitizer: data race' "$work/log"; then
  echo "FAILED: ThreadSanitizer does not notice threads without order" >&2; exit 1
fi
echo "threads without order are noticed"
