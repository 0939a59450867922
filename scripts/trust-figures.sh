#!/usr/bin/env bash
# Rewrites the figures in docs/trust.md: each block between `<!-- NAME: begin -->` and `<!-- NAME: end -->` becomes what the last
# `./test` said in target/test-logs.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=target/test-logs
[ -s "$logs/summary" ] || { echo "there is no $logs/summary: run ./test first" >&2; exit 1; }

block_summary() {
  printf '```text\n$ ./test\n'; sed '/./,$!d' "$logs/summary" | sed "s|$PWD/||g"
  printf '(%s, %s)\n```\n' "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)" "$(date -r "$logs/summary" +%F)"
}
block_checks() {
  echo '| checks of | portable | avx2 | avx512 | neon |'; echo '| --- | ---: | ---: | ---: | ---: |'
  # Lines are `level LEVEL: N checks (WHAT)`; a dash says that nothing was checked.
  sed -nE 's/^level ([a-z0-9]+): ([0-9]+) checks \((.*)\)$/\1\t\2\t\3/p' "$logs/checks" | awk -F'\t' '
    { n[$3, $1] += $2; all[$1] += $2; what[$3] }
    function cell(x) { return x ? x : "-" }
    END {
      for (w in what) print "| " w " | " cell(n[w, "portable"]) " | " cell(n[w, "avx2"]) " | " cell(n[w, "avx512"]) " | " cell(n[w, "neon"]) " |" | "sort"
      close("sort")
      print "| all | " cell(all["portable"]) " | " cell(all["avx2"]) " | " cell(all["avx512"]) " | " cell(all["neon"]) " |"
    }'
}
block_figures() {
  echo '| figure | value |'; echo '| --- | --- |'
  { sed -nE 's/^figure: ([^:]*): (.*)$/| \1 | \2 |/p' "$logs/checks"
    find fuzz/corpus -type f | wc -l | sed 's/.*/| inputs of the fuzz targets, committed and replayed | & |/'
    sed -nE 's/^test fuzz::(.*) \.\.\. ok \((.*)\)$/| fuzz target `\1`, last run | \2, no finding |/p' "$logs"/fuzz.log 2>/dev/null || true
  } | sort -u
}

new=$(mktemp docs/trust.md.XXXXXX); trap 'rm -f "$new"' EXIT
inside=''
while IFS= read -r line; do
  case $line in
    '<!-- '*': begin -->') inside=${line#'<!-- '} inside=${inside%': begin -->'}; echo "$line"; "block_$inside"; continue ;;
    '<!-- '*': end -->') inside='' ;;
  esac
  [ -n "$inside" ] || printf '%s\n' "$line"
done < docs/trust.md > "$new"
[ -z "$inside" ] || { echo "docs/trust.md: the block $inside does not end" >&2; exit 1; }
chmod 644 "$new"
mv "$new" docs/trust.md
