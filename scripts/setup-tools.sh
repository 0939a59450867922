#!/usr/bin/env bash
# Tools that the tests of libraries for C and of wheels judge with: CMake, auditwheel, and zig's linker. They are PyPI's packages, hash-pinned, in a
# cache outside the clone, linked as tests/.tools.   usage: scripts/setup-tools.sh
# Downloads 130 MB, keeps 480 MB; x86-64 Linux, python3 with pip. Where they cannot be had this says so and succeeds: the tests then skip, visibly.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
list=$root/scripts/tools-py.txt
view=${XDG_CACHE_HOME:-$HOME/.cache}/sartor/tools-$(sha256sum < "$list" | cut -c1-12)
mkdir -p "$(dirname "$view")"; [ -O "$(dirname "$view")" ] || { echo "$(dirname "$view") is another user's" >&2; exit 1; }
exec 9>>"$view.lock"; flock 9

link() { ln -sfnT "$view" "$root/tests/.tools"; echo "tools: $view"; }
intact() { [ -e "$view/sha256sums" ] && (cd "$view" && sha256sum --check --quiet sha256sums); }
if intact; then link; exit; fi
rm -rf "$view" "$view".tmp.*

tmp=$(mktemp -d "$view.tmp.XXXXXX"); trap 'rm -rf "$tmp"' EXIT
if ! python3 -m pip install --no-cache-dir --disable-pip-version-check -q --no-compile --no-deps --require-hashes --only-binary=:all: --target "$tmp/view" -r "$list"; then
  rm -f "$root/tests/.tools"
  echo "skip: CMake, auditwheel and zig: pip cannot install them" | tee -a "${SARTOR_TEST_LOG:-/dev/null}"
  exit
fi
(cd "$tmp/view" && find . -type f -print0 | sort -z | xargs -0 sha256sum > ../sha256sums && mv ../sha256sums .)
mv -T "$tmp/view" "$view"
link
