#!/usr/bin/python3
# apt: python3-numpy python3-fuse
# Numbers in text from a slow disk.
import numpy

from harness import measure, slow_disk

source = open(slow_disk() + "/slow_read", buffering=0, mode="rb")


def call():
    numpy.fromfile(source, sep=" ", count=4)  # <-- blocks


measure(call, "getc", held=False,
        caller="_multiarray_umath.cpython-311-x86_64-linux-gnu.so", via="numpy")
