#!/usr/bin/python3
# apt: python3
# options: calls=all
# freopen waits where fopen does.
import os

from harness import late_fifo, libc, measure, stream

path = late_fifo().encode()
source = stream(os.open("/dev/null", os.O_RDONLY), "r")


def call():
    libc.freopen(path, b"r", source)  # <-- blocks


measure(call, "freopen")
