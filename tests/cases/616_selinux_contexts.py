#!/usr/bin/python3
# apt: python3-selinux
# Reading the file of contexts.
import selinux

from harness import late_fifo, measure

path = late_fifo()


def call():
    selinux.matchpathcon_init(path)  # <-- blocks


measure(call, "fopen", held=True, caller="libselinux.so.1", via="selinux._selinux")
