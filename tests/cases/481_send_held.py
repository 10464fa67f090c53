#!/usr/bin/python3
# apt: python3
# A peer that does not read.
from harness import full_socket, libc, measure

target = full_socket()


def call():
    libc.send(target.fileno(), b"x" * 5000, 5000, 0)  # <-- blocks


measure(call, "send")
