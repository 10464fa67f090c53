#!/usr/bin/python3
# apt: python3
# A System V message queue into which another process sends late.
import ctypes
import struct

from harness import later, libc, measure, setup

queue = setup.msgget(0, 0o600)
later(lambda: setup.msgsnd(queue, struct.pack("l8s", 1, b"hello"), 8, 0))
buffer = ctypes.create_string_buffer(64)


def call():
    libc.msgrcv(queue, buffer, 8, 0, 0)  # <-- blocks


measure(call, "msgrcv")
setup.msgctl(queue, 0, None)
