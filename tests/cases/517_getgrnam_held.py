#!/usr/bin/python3
# apt: python3
# The group file is slow.
from harness import late_file, libc, measure

late_file("/etc/group")


def call():
    libc.getgrnam(b"daemon")  # <-- blocks


measure(call, "getgrnam")
