#!/usr/bin/python3
# apt: python3
# fclose has something to write and the pipe is full.
from harness import full_pipe, libc, measure, setup, stream

target = stream(full_pipe(), "w", buffered=True)
setup.fputs(b"hello", target)


def call():
    libc.fclose(target)  # <-- blocks


measure(call, "fclose")
