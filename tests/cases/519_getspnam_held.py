#!/usr/bin/python3
# apt: python3
# The shadow file is slow.
from harness import late_file, libc, measure

late_file("/etc/shadow")


def call():
    libc.getspnam(b"daemon")  # <-- blocks


measure(call, "getspnam")
