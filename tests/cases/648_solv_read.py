#!/usr/bin/python3
# apt: python3-solv
# A package index that comes through a slow pipe, read by a library below the extension.
import solv

from harness import measure, slow_fifo

index = solv.xfopen(slow_fifo(b"x" * 1000))
repository = solv.Pool().add_repo("x")


def call():
    repository.add_rpmmd(index, None)  # <-- blocks


measure(call, "fread", held=True, caller="libsolvext.so.1", via="_solv")
