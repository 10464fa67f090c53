#!/usr/bin/python3
# apt: python3
# libuuid asks a daemon, which does not answer, with the GIL held.
import os
import socket
import subprocess
import time
import uuid

from harness import aside, DELAY, measure, own_mounts

own_mounts()
subprocess.check_call(["mount", "-t", "tmpfs", "none", "/run"])
os.mkdir("/run/uuidd")
server = socket.socket(socket.AF_UNIX)
server.bind("/run/uuidd/request")
server.listen(4)


def silent(ready):
    ready()
    peer, _ = server.accept()
    time.sleep(DELAY)


aside(silent)
server.close()


def call():
    uuid._generate_time_safe()  # <-- blocks


measure(call, "read", held=True, caller="libuuid.so.1", via="_uuid")
