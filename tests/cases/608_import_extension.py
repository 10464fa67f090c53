#!/usr/bin/python3
# apt: python3
# Importing an extension module from a slow disk: dlopen with the GIL held.
import shutil
import sys

import _lsprof

from harness import leased, measure, TMP

path = shutil.copy(_lsprof.__file__, TMP)
sys.path.insert(0, TMP)
del sys.modules["_lsprof"]
leased(path)


def call():
    __import__("_lsprof")  # <-- blocks


measure(call, "dlopen", held=True, caller="python3.11", via="_imp.create_dynamic")
