#!/usr/bin/python3
# apt: python3
# close of a socket that lingers.
import socket
import struct
import time

from harness import aside, DELAY, libc, measure

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
server.bind(("127.0.0.1", 0))
server.listen(1)


def reader(ready):
    ready()
    peer, _ = server.accept()
    time.sleep(DELAY)
    while peer.recv(1 << 20):
        pass


aside(reader)
target = socket.create_connection(server.getsockname())
target.setblocking(False)
try:
    while True:
        target.send(b"x" * 65536)
except BlockingIOError:
    target.setblocking(True)
target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
descriptor = target.detach()


def call():
    libc.close(descriptor)  # <-- blocks


measure(call, "close")
