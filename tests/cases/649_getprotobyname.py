#!/usr/bin/python3
# apt: python3 netbase
# options: calls=all
# The list of protocols comes late.
import socket

from harness import late_file, measure

late_file("/etc/protocols")


def call():
    socket.getprotobyname("tcp")  # <-- blocks


measure(call, "getprotobyname", held=False, caller="python3.11", via="socket")
