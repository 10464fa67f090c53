#!/usr/bin/python3
# apt: python3-tk
# Connecting to a display that does not answer, with the GIL held.
import socket
import time

import tkinter

from harness import aside, DELAY, measure

server = socket.create_server(("127.0.0.1", 0))
while not 6000 <= server.getsockname()[1] < 60000:
    server = socket.create_server(("127.0.0.1", 0))


def silent(ready):
    ready()
    peer, _ = server.accept()
    time.sleep(DELAY)


aside(silent)
display = "127.0.0.1:%d" % (server.getsockname()[1] - 6000)
server.close()


def call():
    tkinter.Tk(display)  # <-- blocks


measure(call, "poll", held=True, caller="libxcb.so.1", via="_tkinter")
