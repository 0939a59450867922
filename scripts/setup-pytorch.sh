#!/usr/bin/env bash
# A virtual environment with PyTorch, torchvision and timm, for writing fixtures (oracle/fixtures/generate.py), and for what
# scripts/test-readme.sh runs.   usage: scripts/setup-pytorch.sh [DIR]   (default: the cache; 1.5 GB)
# Needs python 3.11 (the pinned wheels are cp311), binutils, cc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/sartor/pytorch-2.13.0}
mkdir -p "$(dirname "$dir")"
exec 9>>"$dir.lock"; flock 9
if [ ! -e "$dir/complete" ]; then
  rm -rf "$dir"
  python3.11 -m venv "$dir"   # a venv holds absolute paths, so it is built in place and marked complete last
  "$dir/bin/pip" install --no-cache-dir --disable-pip-version-check -q --no-deps --require-hashes --only-binary=:all: \
    -r "$here/oracle-libs.txt" -r "$here/oracle-py.txt"
  "$dir/bin/python" "$here/cuda_stubs.py" "$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  "$dir/bin/python" -c 'import torch, torchvision, timm; print("torch", torch.__version__)'
  touch "$dir/complete"
fi
echo "$dir"
