#!/usr/bin/env bash
# Tools that the tests of libraries for C and of wheels judge with: CMake, auditwheel, and zig's linker. They are PyPI's packages, hash-pinned, in a
# cache outside the clone, linked as tests/.tools.   usage: scripts/setup-tools.sh
# Downloads 130 MB, keeps 480 MB; x86-64 Linux, python3 with pip. Where they cannot be had this says so and succeeds: the tests then skip, visibly.
set -euo pipefail
. "$(dirname "$0")/cached.sh"
list=$root/scripts/tools-py.txt
cached "tools-$(sha256sum < "$list" | cut -c1-12)" tests/.tools "tools"
if ! python3 -m pip install --no-cache-dir --disable-pip-version-check -q --no-compile --no-deps --require-hashes --only-binary=:all: --target "$tmp/view" -r "$list"; then
  rm -f "$link"
  echo "skip: CMake, auditwheel and zig: pip cannot install them" | tee -a "${SARTOR_TEST_LOG:-/dev/null}"
  exit
fi
keep
