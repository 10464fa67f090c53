#!/usr/bin/python3
# apt: python3 python3-fuse
# options: calls=all
# A look at a file on a slow disk.
import os

from harness import measure, slow_disk

path = slow_disk() + "/slow_stat"


def call():
    os.stat(path)  # <-- blocks


measure(call, "stat64", held=False, caller="python3.11", via="os.stat")
