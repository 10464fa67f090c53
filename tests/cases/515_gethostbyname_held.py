#!/usr/bin/python3
# apt: python3
# The hosts file is slow.
from harness import late_file, libc, measure

late_file("/etc/hosts")


def call():
    libc.gethostbyname(b"localhost")  # <-- blocks


measure(call, "gethostbyname")
