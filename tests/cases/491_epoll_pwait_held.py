#!/usr/bin/python3
# apt: python3
# An epoll set in which nothing happens.
import ctypes

from harness import DELAY, libc, measure, setup

events = ctypes.create_string_buffer(12)
descriptor = setup.epoll_create(1)


def call():
    libc.epoll_pwait(descriptor, events, 1, int(DELAY * 1000), None)  # <-- blocks


measure(call, "epoll_pwait")
