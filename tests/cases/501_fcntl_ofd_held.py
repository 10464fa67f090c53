#!/usr/bin/python3
# apt: python3
# A lock of the open file description kind, held elsewhere.
import fcntl
import os
import struct
import time

from harness import aside, DELAY, libc, measure, TMP

path = TMP + "/lock"
open(path, "w").close()
lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)


def holder(ready):
    fd = os.open(path, os.O_RDWR)
    fcntl.fcntl(fd, 38, lock)  # F_OFD_SETLKW
    ready()
    time.sleep(DELAY)


aside(holder)
target = os.open(path, os.O_RDWR)


def call():
    libc.fcntl(target, 38, lock)  # <-- blocks


measure(call, "fcntl")
