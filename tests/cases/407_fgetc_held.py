#!/usr/bin/python3
# apt: python3
# fgetc has to fill its buffer first.
from harness import late_pipe, libc, measure, stream

source = stream(late_pipe(), "r")


def call():
    libc.fgetc(source)  # <-- blocks


measure(call, "fgetc")
