#!/usr/bin/python3
# apt: python3
# fputs into a pipe that is full, without a buffer between.
from harness import full_pipe, libc, measure, stream

target = stream(full_pipe(), "w")


def call():
    libc.fputs(b"hello", target)  # <-- blocks


measure(call, "fputs")
