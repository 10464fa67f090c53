#!/usr/bin/python3
# apt: python3 python3-fuse
# O_NONBLOCK does not spare an open the time that its disk needs to find the file.
import os

from harness import libc, measure, slow_disk

path = (slow_disk() + "/slow_open").encode()


def call():
    libc.open(path, os.O_RDONLY | os.O_NONBLOCK)  # <-- blocks


measure(call, "open")
