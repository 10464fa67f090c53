#!/usr/bin/python3
# apt: python3-smbc
# A file server that says nothing.
import smbc

from harness import measure, silent_server

address = "smb://127.0.0.1:%d/share/file" % silent_server()
context = smbc.Context()


def call():
    context.open(address)  # <-- blocks


measure(call, "epoll_wait", held=True, caller="libtevent.so.0", via="_smbc")
