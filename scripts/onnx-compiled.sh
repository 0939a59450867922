#!/usr/bin/env bash
# Compiles every case of tests/onnx that is read, for every level of this machine, and compares with the answers. `./test` compiles those
# with kernels that no case before has.   usage: scripts/onnx-compiled.sh    Takes four minutes of one core.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup-onnx.sh
SARTOR_ONNX=all cargo test --release --workspace --test onnx compiled_cases -- --nocapture
