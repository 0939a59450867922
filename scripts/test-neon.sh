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
done

# Compiled kernels, each buffer between pages that nobody may touch. The test is the host's.
(unset RUSTC RUSTDOC; cargo test --release --workspace --test elsewhere neon) || status=1

# Compiled programs under qemu give the bits that the interpreter gave on the host. The example is built by the host's own
# compiler, in a shell without the cross compiler's environment.
target=${CARGO_TARGET_DIR:-$PWD/target}
(unset RUSTC RUSTDOC; cargo build --release --workspace --example crate) || exit 1
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
checks=0
while read -r network batch; do
  dir=$work/${network//[^a-z0-9]/_}_$batch
  "$target/release/examples/crate" "$network" neon "$batch" bin "$dir" || { status=1; continue; }
  (cd / && cargo build --release --offline --target aarch64-unknown-linux-gnu --manifest-path "$dir/Cargo.toml" --target-dir "$dir/target") || { status=1; continue; }
  program=$(find "$dir/target/aarch64-unknown-linux-gnu/release" -maxdepth 1 -type f -executable)
  for cpu in max cortex-a53; do
    for threads in 1 2 3 4; do
      if QEMU_CPU=$cpu "$CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER" "$program" "$dir/input.npy" --level neon --threads "$threads" --top 1 --output "$dir/output.npy" \
        && tail -c "$(stat -c %s "$dir/neon.f32")" "$dir/output.npy" | cmp - "$dir/neon.f32"; then
        checks=$((checks + 1))
      else
        echo "FAILED: $network, batch $batch, QEMU_CPU=$cpu, $threads threads: not the interpreter's bits" >&2; status=1
      fi
    done
  done
done <<'END'
rexnet_digits 1
rexnet_digits 3
mobilenet_v2_x0.35@96x64 1
shufflenet_v1_g3@64x64 3
efficientnet_b0@64x64 1
END
line="level neon: $checks checks (compiled under qemu against interpreted, bit for bit)"
echo "$line"; [ -z "${SARTOR_TEST_LOG:-}" ] || echo "$line" >> "$SARTOR_TEST_LOG"
exit $status
