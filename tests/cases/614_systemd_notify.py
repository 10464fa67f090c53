#!/usr/bin/python3
# apt: python3-systemd
# Telling the service manager something while it does not listen.
import os
import socket
import time

from harness import aside, DELAY, measure, TMP

from systemd import daemon
path = TMP + "/notify"
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
    client.connect(path)
    client.setblocking(False)
    try:
        while True:
            client.send(b"x")
    except BlockingIOError:
        pass


def drain(ready):
    ready()
    time.sleep(DELAY)
    while server.recv(1000):
        pass


aside(drain)
server.close()
os.environ["NOTIFY_SOCKET"] = path


def call():
    daemon.notify("READY=1")  # <-- blocks


measure(call, "sendmsg", held=True, caller="libsystemd.so.0", via="systemd._daemon")
