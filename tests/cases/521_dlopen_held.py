#!/usr/bin/python3
# apt: python3
# dlopen of something that cannot even be opened at once.
from harness import late_fifo, libc, measure

path = late_fifo().encode()


def call():
    libc.dlopen(path, 1)  # <-- blocks


measure(call, "dlopen")
