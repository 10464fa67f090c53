#!/usr/bin/python3
# apt: python3-pygresql
# Connecting again with the GIL held, to a server that has become slow.
import os
import socket
import struct
import time

import pg

from harness import aside, DELAY, measure

os.environ.update(PGSSLMODE="disable", PGGSSENCMODE="disable")
READY = b"R" + struct.pack("!II", 8, 0) + b"Z" + struct.pack("!Ic", 5, b"I")
server = socket.create_server(("127.0.0.1", 0))


def imitation(ready):
    ready()
    peers = []
    for delay in (0, DELAY, 0):
        peers.append(server.accept()[0])
        peers[-1].recv(1000)
        time.sleep(delay)
        peers[-1].sendall(READY)


aside(imitation)
connection = pg.connect("x", "127.0.0.1", server.getsockname()[1], user="u")


def call():
    connection.reset()  # <-- blocks


measure(call, "poll", held=True, caller="libpq.so.5", via="pg._pg")
