#!/usr/bin/python3
# apt: python3
# openat of a FIFO that has no writer yet.
import os

from harness import late_fifo, libc, measure

path = late_fifo().encode()


def call():
    libc.openat(-100, path, os.O_RDONLY)  # <-- blocks


measure(call, "openat")
