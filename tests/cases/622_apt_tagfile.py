#!/usr/bin/python3
# apt: python3-apt
# Opening a package index that is slow.
import apt_pkg

from harness import measure, slow_fifo

path = slow_fifo(b"Package: a\n\n")


def call():
    next(apt_pkg.TagFile(path))  # <-- blocks


measure(call, "read", held=True, caller="libapt-pkg.so.6.0", via="apt_pkg")
