#!/bin/sh
# install.sh PACKAGE...: installs the Debian packages that are missing. Says what it does, asks for
# nothing; without root it prints the one line to run and stops.
set -eu
missing=
for package in "$@"; do
	if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "gilshim: packages:$missing: this is no Debian; install their like by hand" >&2
	exit 2
fi
if [ "$(id -u)" != 0 ]; then
	echo "gilshim: packages are missing; run this, then again what you ran:" >&2
	echo "  sudo apt-get install --no-install-recommends$missing" >&2
	exit 2
fi
echo "gilshim: installing$missing"
# No server of the test packages is started: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=300 update
# shellcheck disable=SC2086
apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 install $missing >/dev/null
