#!/usr/bin/python3
# apt: python3
# A POSIX message queue into which another process sends late.
import ctypes
import os

from harness import later, libc, measure, NAME, setup

NAME = b"/gilshim-%d" % os.getpid()
queue = setup.mq_open(NAME, os.O_RDWR | os.O_CREAT, 0o600, None)
setup.mq_unlink(NAME)
later(lambda: setup.mq_send(queue, b"hello", 5, 0))
buffer = ctypes.create_string_buffer(8192)


def call():
    libc.mq_receive(queue, buffer, 8192, None)  # <-- blocks


measure(call, "mq_receive")
