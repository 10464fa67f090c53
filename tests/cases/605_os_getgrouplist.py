#!/usr/bin/python3
# apt: python3
# os.getgrouplist keeps the GIL, and the group file is slow.
import os

from harness import late_file, measure

late_file("/etc/group")


def call():
    os.getgrouplist("daemon", 1)  # <-- blocks


measure(call, "getgrouplist", held=True, caller="python3.11", via="os.getgrouplist")
