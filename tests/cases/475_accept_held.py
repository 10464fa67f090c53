#!/usr/bin/python3
# apt: python3
# Nobody connects for a while.
import socket

from harness import later, libc, measure

server = socket.create_server(("127.0.0.1", 0))
later(lambda: socket.create_connection(server.getsockname()))


def call():
    libc.accept(server.fileno(), None, None)  # <-- blocks


measure(call, "accept")
