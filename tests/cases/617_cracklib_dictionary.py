#!/usr/bin/python3
# apt: python3-cracklib
# Opening a dictionary on slow storage.
import cracklib

from harness import leased, measure, TMP

path = TMP + "/words.pwd"
open(path, "w").close()
leased(path)


def call():
    cracklib.FascistCheck("secret", TMP + "/words")  # <-- blocks


measure(call, "fopen", held=True, caller="libcrack.so.2", via="_cracklib")
