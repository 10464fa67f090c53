#!/usr/bin/python3
# apt: python3
# A Unix socket whose queue of connections is full.
import socket
import struct

from harness import later, libc, measure, TMP

address = struct.pack("H108s", socket.AF_UNIX, TMP.encode() + b"/socket")
server = socket.socket(socket.AF_UNIX)
server.bind(TMP + "/socket")
server.listen(0)
first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
first.connect(TMP + "/socket")
later(lambda: server.accept())


def call():
    libc.connect(second.fileno(), address, len(address))  # <-- blocks


measure(call, "connect")
