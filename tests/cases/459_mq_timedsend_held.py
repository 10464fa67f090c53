#!/usr/bin/python3
# apt: python3
# A POSIX message queue that is full until another process takes a message out.
import ctypes
import os
import time

from harness import later, libc, LIMIT, measure, NAME, setup, timespec

NAME = b"/gilshim-%d" % os.getpid()
queue = setup.mq_open(NAME, os.O_RDWR | os.O_CREAT, 0o600, (ctypes.c_long * 8)(0, 1, 16))
setup.mq_unlink(NAME)
setup.mq_send(queue, b"first", 5, 0)
later(lambda: setup.mq_receive(queue, ctypes.create_string_buffer(16), 16, None))


def call():
    libc.mq_timedsend(queue, b"second", 6, 0, timespec(LIMIT, time.CLOCK_REALTIME))  # <-- blocks


measure(call, "mq_timedsend")
