#!/usr/bin/env bash
# The NEON level: natively on aarch64, elsewhere under qemu with scripts/setup-aarch64.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(uname -m)" = aarch64 ]; then
  echo "this machine is aarch64: the other sections run NEON natively"; exit
fi
. "$(scripts/setup-aarch64.sh --env)"
cargo_test() { cargo test --release --no-fail-fast --target aarch64-unknown-linux-gnu --target-dir "${CARGO_TARGET_DIR:-target}/aarch64" "$@"; }

status=0
# The newest features, and a CPU without dot products.
for cpu in max cortex-a53; do
  echo "-- QEMU_CPU=$cpu"; export QEMU_CPU=$cpu
  cargo_test -p sartor-kernels || status=1
  # Generated crates: here.
done
exit $status
