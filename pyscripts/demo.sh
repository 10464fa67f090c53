#!/bin/sh
# demo.sh BUILD: compiles the demonstration's two extensions and runs it under the library.
set -eu
build=$1
here=$(dirname "$0")
python=${PYTHON:-/usr/bin/python3}
sh "$here/../tests/install.sh" python3 python3-dev
mkdir -p "$build/demo"
flags=$("$python" -c 'import sysconfig; print("-I" + sysconfig.get_path("include"))')
for name in guilty innocent; do
	# shellcheck disable=SC2086
	${CC:-gcc} -O2 -g -shared -fPIC $flags $([ $name = guilty ] || echo -DRELEASE) \
		-o "$build/demo/$name.so" "$here/demo.c"
done
echo "\$ LD_PRELOAD=$build/libgilshim.so python3 pyscripts/demo.py"
PYTHONPATH=$build/demo LD_PRELOAD=$PWD/$build/libgilshim.so "$python" "$here/demo.py"
