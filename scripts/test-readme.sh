#!/usr/bin/env bash
# Runs the commands of the `sh` blocks of README.md and of the pages on C, Python and batches, each by itself from the root, and their `python`
# blocks in the environment that the page on Python makes; ends with a line that ./test counts.
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
# The blocks of a page, one a line: the kind, a tab, and a command with its continued lines, or a whole block of Python with another
# character, \001, for the ends of its lines.
blocks() {
  awk '/^```sh$/ { kind = "sh"; next } /^```python$/ { kind = "python"; text = ""; next }
    /^```/ { if (kind == "python") print "python\t" text; kind = ""; next }
    kind == "sh" { print "sh\t" $0 }
    kind == "python" { text = text $0 "\001" }' "$1" |
    sed -e ':a' -e '/^sh\t.*\\$/N; s/\\\nsh\t *//; ta' | grep -vP '^sh\t *(#|$)'
}
for page in "${pages[@]}"; do
  if [[ $page = docs/python.md || $page = docs/batch.md ]] && ! python3 -c 'import ensurepip, venv' 2> /dev/null; then
    ignore "$page" 'there is no venv (apt-get install python3-venv)'; continue
  fi
  count=0
  while IFS=$'\t' read -r kind text; do
    count=$((count + 1))
    case $kind-$text in
      sh-./test*) ignore "$text" 'it is what runs this' ;;
      sh-'git clone'*|sh-'cd '*) ignore "$text" 'this is a clone already' ;;
      sh-*) run "$text" bash -o pipefail -c "$text" ;;
      python-*) run "$page, Python $count" target/venv/bin/python -c "${text//$'\001'/$'\n'}" ;;
    esac
  done < <(blocks "$page")
  [ $count -gt 0 ] || { echo "$page has no commands in sh blocks" >&2; exit 1; }
done
[ $((passed + failed)) -gt 0 ] || { echo "README.md has no commands in sh blocks" >&2; exit 1; }
echo "test result: README. $passed passed; $failed failed; $skipped ignored"
[ $failed = 0 ]
