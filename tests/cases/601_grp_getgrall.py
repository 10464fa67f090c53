#!/usr/bin/python3
# apt: python3
# grp.getgrall keeps the GIL, and the group file is slow.
import grp

from harness import late_file, measure

late_file("/etc/group")


def call():
    grp.getgrall()  # <-- blocks


measure(call, "setgrent", held=True, caller="python3.11", via="grp.getgrall")
