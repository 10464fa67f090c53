#!/usr/bin/python3
# apt: python3
# spwd.getspall keeps the GIL; the first of its three calls opens the file.
import spwd

from harness import late_file, measure

late_file("/etc/shadow")


def call():
    spwd.getspall()  # <-- blocks


measure(call, "setspent", held=True, caller="python3.11", via="spwd.getspall")
