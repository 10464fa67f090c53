#!/usr/bin/python3
# apt: python3
# CPython opens the file itself, with the GIL released.
import ssl

from harness import late_fifo, measure

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
path = late_fifo()


def call():
    context.load_dh_params(path)  # <-- blocks


measure(call, "fopen64", held=False, caller="python3.11", via="_ssl")
