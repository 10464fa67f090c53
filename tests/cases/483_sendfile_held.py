#!/usr/bin/python3
# apt: python3
# A file to a peer that does not read.
import ctypes
import os

from harness import full_socket, libc, measure

target = full_socket()
source = os.open(os.__file__, os.O_RDONLY)


def call():
    libc.sendfile(target.fileno(), source, None, ctypes.c_size_t(5000))  # <-- blocks


measure(call, "sendfile")
