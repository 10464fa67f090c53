#!/bin/sh
# freethreaded.sh DIR: makes a free-threaded CPython in DIR, for the tests, of Debian's source of
# python3.13, from the mirror that this machine uses. Nothing of the system changes, apt's lists
# included. Minutes; what it says is in DIR/log.
set -eu
dir=$(realpath -m "$1")
[ ! -x "$dir/bin/python3.13t" ] || exit 0
fail() {
	echo "gilshim: free-threaded CPython: $1; no test is run with one" >&2
	exit 2
}
command -v apt-get >/dev/null || fail "this is no Debian"
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE)' 'Origin: Debian' 'Label: Debian' \
	'Component: main' | head -n 1)
[ -n "$mirror" ] || fail "apt knows no Debian mirror (run apt-get update)"
rm -rf "$dir"
mkdir -p "$dir/apt/state" "$dir/apt/cache" "$dir/source"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb-src [signed-by=$keys] $mirror trixie main" >"$dir/apt/sources.list"
private() {
	apt-get -qq -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$dir/apt/state" -o Dir::Cache="$dir/apt/cache" \
		-o APT::Sandbox::User=root "$@"
}
cd "$dir/source"
unset MAKEFLAGS MFLAGS MAKELEVEL # that make is a make of its own
{
	private update && private source --download-only python3.13 &&
		dpkg-source --no-check -x python3.13_*.dsc python && cd python &&
		./configure --disable-gil --prefix="$dir" --with-ensurepip=no CFLAGS=-O1 &&
		make -j"$(nproc)" && make install
} >"$dir/log" 2>&1 || fail "could not be built, see $dir/log"
rm -rf "$dir/source" "$dir/apt"
"$dir/bin/python3.13t" -VV
