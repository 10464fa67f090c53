#!/usr/bin/python3
# apt: python3
# fwrite into a pipe that is full.
from harness import full_pipe, libc, measure, stream

target = stream(full_pipe(), "w")


def call():
    libc.fwrite(b"x" * 5000, 1, 5000, target)  # <-- blocks


measure(call, "fwrite")
