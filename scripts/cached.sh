# Keeps what a setup script installs in the user's cache, outside the clone, and links it into the clone. To be sourced.
#   cached NAME LINK WHAT   sets `view`, a folder in the cache, and `tmp`, a folder for the work. Ends the script if `view` is there and whole.
#   keep                    puts "$tmp/view" into the cache, with the sums of its files, and links it
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

cached() {
  view=${XDG_CACHE_HOME:-$HOME/.cache}/sartor/$1 link=$root/$2 what=$3
  mkdir -p "$(dirname "$view")"; [ -O "$(dirname "$view")" ] || { echo "$(dirname "$view") is another user's" >&2; exit 1; }
  exec 9>>"$view.lock"; flock 9
  if [ -e "$view/sha256sums" ] && (cd "$view" && sha256sum --check --quiet sha256sums); then linked; exit; fi
  rm -rf "$view" "$view".tmp.*
  tmp=$(mktemp -d "$view.tmp.XXXXXX"); trap 'rm -rf "$tmp"' EXIT
}

keep() {
  (cd "$tmp/view" && find . -type f ! -name sha256sums -print0 | sort -z | xargs -0 sha256sum > ../sha256sums && mv ../sha256sums .)
  mv -T "$tmp/view" "$view"
  linked
}

linked() { ln -sfnT "$view" "$link"; echo "$what: $view"; }
