#!/usr/bin/env bash
# Rewrites the figures in docs/trust.md and docs/testing.md. Each block between `<!-- NAME: begin -->` and `<!-- NAME: end -->` becomes what
# the last `./test` wrote to target/test-logs.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=target/test-logs
[ -s "$logs/summary" ] || { echo "there is no $logs/summary: run ./test first" >&2; exit 1; }

machine() { printf '%s, %s cores, %s' "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)" "$(nproc)" "$(date -r "$logs/summary" +%F)"; }
block_times() {
  echo '| section | time | of all cores |'; echo '| --- | ---: | ---: |'
  sed -nE 's/^([a-z0-9]+) +[0-9]+ +[0-9]+ +[0-9]+  ([0-9]+ min [0-9]+ s) +([0-9]+ min [0-9]+ s)$/| `\1` | \2 | \3 |/p' "$logs/summary"
  printf '| all | %s | |\n\n(%s)\n' "$(sed -n 's/^in //p' "$logs/summary")" "$(machine)"
}
block_summary() {
  printf '```text\n$ ./test\n'; sed '/./,$!d' "$logs/summary" | sed "s|$PWD/||g"
  printf '(%s)\n```\n' "$(machine)"
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
  } | sort -u
}

for file in docs/trust.md docs/testing.md; do
  new=$(mktemp "$file.XXXXXX"); trap 'rm -f "$new"' EXIT
  inside=''
  while IFS= read -r line; do
    case $line in
      '<!-- '*': begin -->') inside=${line#'<!-- '} inside=${inside%': begin -->'}; echo "$line"; "block_$inside"; continue ;;
      '<!-- '*': end -->') inside='' ;;
    esac
    [ -n "$inside" ] || printf '%s\n' "$line"
  done < "$file" > "$new"
  [ -z "$inside" ] || { echo "$file: the block $inside does not end" >&2; exit 1; }
  chmod 644 "$new"
  mv "$new" "$file"
done
