#!/usr/bin/env bash
# Runs the commands of the `sh` blocks of README.md and of the pages on C, Python and batches, each by itself from the root, and their `python`
# blocks in the environment that these commands make, or in PyTorch's. A `c` block is put where the commands expect it. Ends with a line that
# ./test counts.
set -uo pipefail
cd "$(dirname "$0")/.."
pages=(README.md docs/c.md docs/python.md docs/batch.md)
for page in "${pages[@]}"; do [ -e "$page" ] || { echo "$page is missing" >&2; exit 1; }; done
# Run by ./test, it has the cache of that; else one of its own, not the user's.
[ -n "${SARTOR_TEST_LOG:-}" ] || export SARTOR_CACHE=$PWD/target/cache
passed=0 failed=0 skipped=0
ignore() { echo "test \`$1\` ... ignored, $2"; skipped=$((skipped + 1)); }
run() { # NAME COMMAND..
  local name=$1; shift
  printf '$ %s\n' "$name"
  if "$@" </dev/null; then passed=$((passed + 1)); else echo "test \`$name\` ... FAILED"; failed=$((failed + 1)); fi
}
# The blocks of a page, one a line: the kind, a tab, and a command with its continued lines, or a whole block of Python or C with another
# character, \001, for the ends of its lines.
blocks() {
  awk '/^```sh$/ { kind = "sh"; next } /^```(python|c)$/ { kind = substr($0, 4); text = ""; next }
    /^```/ { if (kind == "python" || kind == "c") print kind "\t" text; kind = ""; next }
    kind == "sh" { print "sh\t" $0 }
    kind == "python" || kind == "c" { text = text $0 "\001" }' "$1" |
    sed -e ':a' -e '/^sh\t.*\\$/N; s/\\\nsh\t *//; ta' | grep -vP '^sh\t *(#|$)'
}
has_venv=''; ! python3 -c 'import ensurepip, venv' 2> /dev/null || has_venv=1
pytorch=$(scripts/setup-pytorch.sh | tail -1) || pytorch=''
for page in "${pages[@]}"; do
  if [[ ! $has_venv && ( $page = docs/python.md || $page = docs/batch.md ) ]]; then
    ignore "$page" 'there is no venv (apt-get install python3-venv)'; continue
  fi
  count=0
  while IFS=$'\t' read -r kind text; do
    count=$((count + 1))
    case $kind-$text in
      sh-./test*) ignore "$text" 'it is what runs this' ;;
      sh-'git clone'*|sh-'cd '*) ignore "$text" 'this is a clone already' ;;
      # Where PyTorch cannot be had, the page goes on with a network of the zoo.
      python-*'import torch'*) if [ -n "$pytorch" ]; then
          run "$page, PyTorch" "$pytorch/bin/python" -c "${text//$'\001'/$'\n'}"
        else
          ignore "$page, PyTorch" 'scripts/setup-pytorch.sh cannot install it'
          target/release/sartor export mobilenet_v1_x0.25 --classes 2 -o target/my_net.onnx
        fi ;;
      *target/venv/bin/*|sh-*'-m venv'*|python-*) if [ -z "$has_venv" ]; then
          ignore "$page, block $count" 'there is no venv (apt-get install python3-venv)'
        elif [ "$kind" = sh ]; then run "$text" bash -o pipefail -c "$text"
        else run "$page, Python $count" target/venv/bin/python -c "${text//$'\001'/$'\n'}"; fi ;;
      sh-*) run "$text" bash -o pipefail -c "$text" ;;
      c-*) printf '%s' "${text//$'\001'/$'\n'}" > target/main.c ;;
    esac
  done < <(blocks "$page")
  [ $count -gt 0 ] || { echo "$page has no commands in sh blocks" >&2; exit 1; }
done
[ $((passed + failed)) -gt 0 ] || { echo "README.md has no commands in sh blocks" >&2; exit 1; }
echo "test result: README. $passed passed; $failed failed; $skipped ignored"
[ $failed = 0 ]
