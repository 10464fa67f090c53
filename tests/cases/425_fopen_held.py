#!/usr/bin/python3
# apt: python3
# fopen of a FIFO nobody has opened for writing yet.
from harness import late_fifo, libc, measure

path = late_fifo().encode()


def call():
    libc.fopen(path, b"r")  # <-- blocks


measure(call, "fopen")
