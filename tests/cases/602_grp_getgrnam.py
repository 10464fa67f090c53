#!/usr/bin/python3
# apt: python3
# grp.getgrnam drops the GIL.
import grp

from harness import late_file, measure

late_file("/etc/group")


def call():
    grp.getgrnam("daemon")  # <-- blocks


measure(call, "getgrnam_r", held=False, caller="python3.11", via="grp.getgrnam")
