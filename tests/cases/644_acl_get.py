#!/usr/bin/python3
# apt: python3-pylibacl python3-fuse
# options: calls=all
# The access list of a file on a slow disk.
import posix1e

from harness import measure, slow_disk

path = slow_disk() + "/slow_xattr"


def call():
    posix1e.ACL(file=path)  # <-- blocks


measure(call, "getxattr", held=True, caller="libacl.so.1", via="posix1e")
