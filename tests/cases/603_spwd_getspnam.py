#!/usr/bin/python3
# apt: python3
# spwd.getspnam keeps the GIL, and the shadow file is slow.
import spwd

from harness import late_file, measure

late_file("/etc/shadow")


def call():
    spwd.getspnam("daemon")  # <-- blocks


measure(call, "getspnam", held=True, caller="python3.11", via="spwd.getspnam")
