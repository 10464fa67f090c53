#!/usr/bin/python3
# apt: python3-gevent
# An event loop that waits.
import gevent

from harness import DELAY, measure


def call():
    gevent.sleep(DELAY)  # <-- blocks


measure(call, "epoll_wait", held=False, caller="libev.so.4", via="gevent.libev.corecext")
