#!/usr/bin/python3
# apt: python3-evdev
# An input device on which nothing happens.
from evdev import _input

from harness import late_pipe, measure

device = late_pipe(bytes(24))


def call():
    _input.device_read(device)  # <-- blocks


measure(call, "read", held=True, caller="_input.cpython-311-x86_64-linux-gnu.so",
        via="evdev._input")
