#!/usr/bin/python3
# apt: python3-pyxattr python3-fuse
# options: calls=all
# An attribute of a file on a slow disk.
import xattr

from harness import measure, slow_disk

path = slow_disk() + "/slow_xattr"


def call():
    xattr.get(path, "user.a")  # <-- blocks


measure(call, "getxattr", held=False,
        caller="xattr.cpython-311-x86_64-linux-gnu.so", via="xattr")
