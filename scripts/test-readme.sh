#!/usr/bin/env bash
# Runs the commands of README.md's `sh` blocks, each by itself from the root; ends with a line that ./test counts.
set -uo pipefail
cd "$(dirname "$0")/.."
[ -e README.md ] || { echo "README.md is missing" >&2; exit 1; }
# Run by ./test, it has the cache of that; else one of its own, not the user's.
[ -n "${SARTOR_TEST_LOG:-}" ] || export SARTOR_CACHE=$PWD/target/cache
passed=0 failed=0 skipped=0
while IFS= read -r command; do
  case $command in
    ./test*) echo "test \`$command\` ... ignored, it is what runs this"; skipped=$((skipped + 1)); continue ;;
    'git clone'*|'cd '*) echo "test \`$command\` ... ignored, this is a clone already"; skipped=$((skipped + 1)); continue ;;
  esac
  printf '$ %s\n' "$command"
  if bash -o pipefail -c "$command" </dev/null; then passed=$((passed + 1)); else echo "test \`$command\` ... FAILED"; failed=$((failed + 1)); fi
done < <(awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' README.md | sed -e ':a' -e '/\\$/N; s/\\\n *//; ta' | grep -vE '^ *(#|$)')
[ $((passed + failed)) -gt 0 ] || { echo "README.md has no commands in sh blocks" >&2; exit 1; }
echo "test result: README. $passed passed; $failed failed; $skipped ignored"
[ $failed = 0 ]
