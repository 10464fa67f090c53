#!/usr/bin/python3
# apt: python3
# fflush has something to write and the pipe is full.
from harness import full_pipe, libc, measure, setup, stream

target = stream(full_pipe(), "w", buffered=True)
setup.fputs(b"hello", target)


def call():
    libc.fflush(target)  # <-- blocks


measure(call, "fflush")
