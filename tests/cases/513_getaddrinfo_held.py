#!/usr/bin/python3
# apt: python3
# The hosts file is slow.
import ctypes

from harness import late_file, libc, measure

late_file("/etc/hosts")
found = ctypes.c_void_p()


def call():
    libc.getaddrinfo(b"localhost", None, None, ctypes.byref(found))  # <-- blocks


measure(call, "getaddrinfo")
