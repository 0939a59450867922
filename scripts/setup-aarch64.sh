#!/usr/bin/env bash
# A compiler, linker, standard library and emulator for aarch64, from Debian's archive, unpacked into a cache outside the
# clone: nothing is installed and no system setting changes.
#   usage: scripts/setup-aarch64.sh; then  . "$(scripts/setup-aarch64.sh --env)" && cargo test --target aarch64-unknown-linux-gnu
# Route A takes Debian's rustc-web with its prebuilt arm64 library (680 MB on disk). Where the archive no longer has it,
# route B builds the library of the host's own rustc from Debian's rust-src of the same version (200 MB).
set -euo pipefail
target=aarch64-unknown-linux-gnu; multiarch=x86_64-linux-gnu; runner=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU
dir=${XDG_CACHE_HOME:-$HOME/.cache}/sartor/aarch64
if [ "${1:-}" = --env ]; then echo "$dir/env.sh"; exit; fi
unset LD_LIBRARY_PATH RUSTUP_TOOLCHAIN RUSTC RUSTDOC   # cargo's proxy sets these; they mislead a second rustc
mkdir -p "$(dirname "$dir")"; [ -O "$(dirname "$dir")" ] || { echo "$(dirname "$dir") is another user's" >&2; exit 1; }
exec 9>>"$dir.lock"; flock 9

works() { # compiles and runs a program; $1: the directory
  local t; t=$(mktemp -d)
  ( . "$1/env.sh"; cd "$t"; echo 'fn main() { std::process::exit((std::env::args().count() + 41) as i32) }' > a.rs
    eval "flags=\${${runner}_RUSTFLAGS:-} linker=\$${runner}_LINKER run=\$${runner}_RUNNER"
    "${RUSTC:-rustc}" --target $target $flags -C linker="$linker" a.rs -o a && { "$run" ./a || [ $? = 42 ]; } ) >"$t/log" 2>&1 \
    && rm -rf "$t" || { cat "$t/log" >&2; rm -rf "$t"; return 1; }
}
# Route B's library belongs to one rustc.
current() { [ -e "$dir/env.sh" ] && { [ ! -e "$dir/rustc-version" ] || [ "$(cat "$dir/rustc-version")" = "$(rustc -V)" ]; } && works "$dir"; }
if current; then echo "aarch64: $dir"; exit; fi
rm -rf "$dir" "$dir".tmp.*
tmp=$(mktemp -d "$dir.tmp.XXXXXX"); trap 'rm -rf "$tmp"' EXIT

# A private apt: the host's own Debian sources for amd64 and arm64, with lists and status of its own.
apt=$tmp/apt; mkdir -p "$apt"/etc/{sources.list.d,preferences.d,apt.conf.d} "$apt"/state/lists/partial "$apt"/cache/archives/partial
: > "$apt/state/status"
sources=/etc/apt/sources.list.d/debian.sources
[ -e $sources ] || { echo "$sources is missing: this script needs a Debian system" >&2; exit 1; }
sed 's/^Types: deb$/Types: deb\nArchitectures: amd64 arm64/' $sources > "$apt/etc/sources.list.d/debian.sources"
cat > "$apt.conf" <<EOF
Dir "$apt"; Dir::Etc "$apt/etc"; Dir::State "$apt/state"; Dir::State::status "$apt/state/status"; Dir::Cache "$apt/cache";
APT::Architecture "amd64"; APT::Architectures { "amd64"; "arm64"; };
Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false"; Acquire::Retries "3";
APT::Sandbox::User "root";
EOF
export APT_CONFIG=$apt.conf
apt-get -qq update
get() { # get PREFIX PACKAGE...: downloads and unpacks
  local to=$1 debs; shift; mkdir -p "$to"; debs=$(mktemp -d "$tmp/debs.XXXX")
  ( cd "$debs" && apt-get -qq download "$@" && for deb in *.deb; do dpkg -x "$deb" "$to" || exit; done ) || return; rm -rf "$debs"
}

get "$tmp/env/cross" binutils-aarch64-linux-gnu gcc-12-aarch64-linux-gnu libgcc-12-dev-arm64-cross libgcc-s1-arm64-cross \
  libc6-arm64-cross libc6-dev-arm64-cross linux-libc-dev-arm64-cross cpp-12-aarch64-linux-gnu qemu-user-static
find "$tmp/env/cross/usr/bin" -name 'qemu-*' ! -name 'qemu-aarch64-static' -delete
rm -rf "$tmp/env/cross/usr/lib/gcc-cross/aarch64-linux-gnu/12/lto1" "$tmp"/env/cross/usr/bin/aarch64-linux-gnu-lto-dump* "$tmp/env/cross/usr/share"

# The wrappers find their own directory, so that the whole can be moved.
mkdir -p "$tmp/env/bin"
wrapper() { printf '#!/bin/sh\nd=$(cd "$(dirname "$0")/.." && pwd)\n%s\n' "$2" > "$tmp/env/bin/$1"; chmod +x "$tmp/env/bin/$1"; }
wrapper aarch64-cc "LD_LIBRARY_PATH=\$d/cross/usr/lib/$multiarch exec \"\$d/cross/usr/bin/aarch64-linux-gnu-gcc-12\" --sysroot=\"\$d/cross\" \"\$@\""
wrapper aarch64-run 'unset LD_LIBRARY_PATH; exec "$d/cross/usr/bin/qemu-aarch64-static" -L "$d/cross/usr/aarch64-linux-gnu" "$@"'
env_file() { # env_file DIRECTORY EXTRA: a backtrace takes qemu seconds, so there are none
  cat <<EOF
unset RUSTC RUSTDOC LD_LIBRARY_PATH
export ${runner}_LINKER="$1/bin/aarch64-cc" ${runner}_RUNNER="$1/bin/aarch64-run"
export CC_aarch64_unknown_linux_gnu="$1/bin/aarch64-cc" RUST_BACKTRACE=0
EOF
  printf '%s\n' "$2"
}

route_a() {
  local driver llvm rust=$tmp/env/rust   # errors are passed on by hand: bash ignores `set -e` left of `||`
  driver=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-[0-9]/{print $2; exit}')
  [ -n "$driver" ] || { echo "no libstd-rust-web in the archive" >&2; return 1; }
  llvm=$(apt-cache depends "$driver" | awk '/Depends: libllvm[0-9]/{print $2; exit}')
  get "$rust" rustc-web "$driver" libstd-rust-web-dev libstd-rust-web-dev:arm64 rust-web-clippy "$llvm" || return
  for tool in rustc rustdoc clippy-driver cargo-clippy; do
    wrapper $tool "LD_LIBRARY_PATH=\$d/rust/usr/lib/$multiarch exec \"\$d/rust/usr/bin/$tool\" \"\$@\"" || return
  done
  env_file "$dir" "export RUSTC=\"$dir/bin/rustc\" RUSTDOC=\"$dir/bin/rustdoc\"" > "$tmp/env/env.sh"
}

route_b() {
  local version package library uri
  version=$(rustc -V | awk '{print $2}')
  uri=$(awk '/^URIs:/{print $2; exit}' $sources)
  printf 'Types: deb\nArchitectures: amd64\nURIs: %s\nSuites: trixie-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$uri" > "$apt/etc/sources.list.d/backports.sources"
  apt-get -qq update || return
  package=$(apt-cache madison rust-src | awk -v v="$version+" 'index($3,v)==1{print $3; exit}')
  [ -n "$package" ] || { echo "no rust-src $version in the archive" >&2; return 1; }
  get "$tmp/src" "rust-src=$package" || return; library=$tmp/src/usr/src/rustc-$version/library
  mkdir -p "$tmp/std/src"; : > "$tmp/std/src/lib.rs"
  printf '[package]\nname = "std_of_host"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' > "$tmp/std/Cargo.toml"
  ( cd "$tmp/std"; env RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$library" CARGO_TARGET_DIR="$tmp/std/target" \
    ${runner}_LINKER="$tmp/env/bin/aarch64-cc" ${runner}_RUSTFLAGS="-Cembed-bitcode=yes" \
    cargo build -q --release --target $target -Zbuild-std=std,test,proc_macro,panic_unwind ) || return
  local lib=$tmp/env/sysroot/lib/rustlib/$target/lib; mkdir -p "$lib"
  cp "$tmp/std/target/$target/release/deps/"*.rlib "$lib/" || return; rm -f "$lib"/libstd_of_host-*
  rustc -V > "$tmp/env/rustc-version"
  env_file "$dir" "export ${runner}_RUSTFLAGS=\"--sysroot=$dir/sysroot\" ${runner}_RUSTDOCFLAGS=\"--sysroot=$dir/sysroot\"" > "$tmp/env/env.sh"
}

route=${SARTOR_AARCH64_ROUTE:-}   # A or B forces one
{ [ "$route" != B ] && route_a; } || { [ "$route" != A ] && route_b; } || {
  echo "neither route gave an aarch64 compiler" >&2; exit 1; }
mv -T "$tmp/env" "$dir"
works "$dir" || { rm -rf "$dir"; echo "the aarch64 compiler does not work" >&2; exit 1; }
echo "aarch64: $dir"
