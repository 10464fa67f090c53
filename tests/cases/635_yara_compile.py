#!/usr/bin/python3
# apt: python3-yara
# Opening a file of rules with the GIL held.
import yara

from harness import late_fifo, measure

path = late_fifo(b"rule a { condition: true }\n")


def call():
    yara.compile(filepath=path)  # <-- blocks


measure(call, "fopen64", held=True,
        caller="yara.cpython-311-x86_64-linux-gnu.so", via="yara")
