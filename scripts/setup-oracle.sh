#!/usr/bin/env bash
# PyTorch's CPU libraries for the test oracle: PyPI's torch 2.13.0, hash-pinned, unpacked into a cache outside the clone and
# linked as oracle/.libtorch.   usage: scripts/setup-oracle.sh
# Downloads 540 MB, keeps 490 MB, needs 1.1 GB while it runs; x86-64 Linux, python3 with pip, g++ to build the tests.
set -euo pipefail
. "$(dirname "$0")/cached.sh"
cached libtorch-2.13.0 oracle/.libtorch "libtorch 2.13.0"
python3 -m pip download --no-cache-dir --disable-pip-version-check -q --no-deps --require-hashes --only-binary=:all: \
  -d "$tmp/wheels" -r "$root/scripts/oracle-libs.txt" --python-version 3.11 --implementation cp --abi cp311 \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64
python3 - "$tmp/view" "$tmp"/wheels/*.whl <<'PY'
import os, shutil, sys, zipfile
view, libs = sys.argv[1], {"libc10.so", "libtorch_cpu.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}
for wheel in sys.argv[2:]:
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            top, base = name.split("/")[0], name.rsplit("/", 1)[-1]
            if name.startswith("torch/include/") and base: to = os.path.join(view, name[len("torch/"):])
            elif top in ("torch", "nvidia") and "/lib/" in name and base in libs: to = os.path.join(view, "lib", base)
            else: continue
            os.makedirs(os.path.dirname(to), exist_ok=True)
            with z.open(name) as src, open(to, "wb") as dst: shutil.copyfileobj(src, dst, 1 << 20)
PY
# There is no libtorch_cuda.so here, so torch-sys links the CPU library only; it asks for -ltorch all the same.
echo 'INPUT(-ltorch_cpu)' > "$tmp/view/lib/libtorch.so"
# torch-sys compares this with the version it was written for.
echo '2.13.0+cpu' > "$tmp/view/build-version"
if ldd "$tmp/view/lib/libtorch_cpu.so" | grep 'not found'; then
  echo "libtorch_cpu.so lacks the libraries above: install them and run this again" >&2; exit 1
fi
keep
