#!/usr/bin/python3
# apt: python3
# Waiting for a child.
from harness import later, libc, measure

pid = later(lambda: None)


def call():
    libc.wait4(pid, None, 0, None)  # <-- blocks


measure(call, "wait4")
