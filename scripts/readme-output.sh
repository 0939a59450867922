#!/usr/bin/env bash
# Rewrites the outputs in README.md, docs/performance.md and docs/service.md, or in the files given: below each line `<!-- output: COMMAND -->`, the next
# `text` block becomes what COMMAND prints now, and its last line says on which CPU and when. Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
# What is shown depends on no tuning of the user's, who keeps their cache.
export SARTOR_CACHE=$PWD/target/cache-of-readme
where="$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1), $(date +%F)"
[ $# -gt 0 ] || set -- README.md docs/performance.md docs/service.md
trap 'rm -f "${new:-}"' EXIT
for file in "$@"; do
  new=$(mktemp "$file.XXXXXX")
  command='' skip=''
  while IFS= read -r line; do
    case $line in
      '<!-- output: '*' -->') command=${line#'<!-- output: '} command=${command%' -->'} ;;
      '```text') if [ -n "$command" ]; then
          # The second run: it does not compile.
          bash -c "$command" >/dev/null 2>&1
          output=$(bash -c "$command" 2>/dev/null)
          printf '```text\n$ %s\n%s\n(%s)\n```\n' "$command" "$(sed 's/ *$//' <<<"$output")" "$where"
          command='' skip=1; continue
        fi ;;
      '```') if [ -n "$skip" ]; then skip=''; continue; fi ;;
    esac
    [ -n "$skip" ] || printf '%s\n' "$line"
  done < "$file" > "$new"
  chmod 644 "$new"
  mv "$new" "$file"
done
