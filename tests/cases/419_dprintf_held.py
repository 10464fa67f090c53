#!/usr/bin/python3
# apt: python3
# dprintf writes to the descriptor itself.
from harness import full_pipe, libc, measure

target = full_pipe()


def call():
    libc.dprintf(target, b"%s\n", b"hello")  # <-- blocks


measure(call, "dprintf")
