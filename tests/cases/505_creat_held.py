#!/usr/bin/python3
# apt: python3
# creat of a FIFO that has no reader yet.
import os

from harness import later, libc, measure, TMP

path = TMP + "/fifo"
os.mkfifo(path)
later(lambda: os.read(os.open(path, os.O_RDONLY), 1))


def call():
    libc.creat(path.encode(), 0o600)  # <-- blocks


measure(call, "creat")
