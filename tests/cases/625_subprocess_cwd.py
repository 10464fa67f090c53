#!/usr/bin/python3
# apt: python3-fuse
# vfork: the child changes to a slow directory before it executes, the parent waits with the GIL.
import subprocess

from harness import measure, slow_disk

place = slow_disk() + "/dir_slow_stat"


def call():
    subprocess.call(["/bin/true"], cwd=place)  # <-- blocks


measure(call, "vfork", held=True, caller="python3.11", via="_posixsubprocess")
