#!/usr/bin/python3
# apt: python3
# syslog while the daemon does not read.
import os
import socket
import subprocess
import time

from harness import aside, DELAY, libc, measure, own_mounts, TMP

own_mounts()
path = TMP + "/log"
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
if not os.path.exists("/dev/log"):
    subprocess.check_call(["mount", "-t", "tmpfs", "none", "/dev"])
    open("/dev/log", "w").close()
subprocess.check_call(["mount", "--bind", path, "/dev/log"])
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
    client.connect("/dev/log")
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


def call():
    libc.syslog(6, b"%s", b"hello")  # <-- blocks


measure(call, "syslog")
