#!/usr/bin/python3
"""Runs a program in a cell: cell.py NAME=VALUE... -- PROGRAM [ARGUMENT...]

The cell is a network with nothing but loopback and a process table of its own, so that two runs at
the same time share no port, nothing reaches another machine (or the host of this one), and nothing
outlives the run. The variables are set for the program alone, so that a library that they preload
is not also in here.
Exit status: the program's, 128 plus the signal that ended it."""
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
VSOCK = "/dev/vsock"  # to the host of a virtual machine: no network namespace holds it


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        name, flags = struct.unpack("16sH22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | IFF_UP))


def start(variables, command):
    # What Python ignores, and what a shell ignores in what it runs in the background.
    for number in signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)
    for variable in variables:
        name, _, value = variable.partition("=")
        os.environ[name] = value
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print("%s: %s" % (command[0], error.strerror), file=sys.stderr)
        os._exit(127)


def main():
    split = sys.argv.index("--")
    if os.getpid() == 1:
        raise_loopback()
        if os.path.exists(VSOCK):
            subprocess.run(["mount", "--bind", "/dev/null", VSOCK], check=True)
    child = os.fork()
    if child == 0:
        start(sys.argv[1:split], sys.argv[split + 1:])
    while True:  # as process 1 we also inherit the orphans
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
