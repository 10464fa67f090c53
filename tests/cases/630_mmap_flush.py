#!/usr/bin/python3
# apt: python3-fuse
# mmap.flush keeps the GIL while the storage is slow.
import mmap
import os

from harness import measure, slow_disk

memory = mmap.mmap(os.open(slow_disk() + "/slow_fsync", os.O_RDWR), 65536)
memory[0] = 1


def call():
    memory.flush()  # <-- blocks


measure(call, "msync", held=True, caller="mmap.cpython-311-x86_64-linux-gnu.so", via="mmap")
