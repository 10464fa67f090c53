#!/usr/bin/python3
# apt: python3
# Opening a certificate with the GIL held.
import ssl

from harness import late_fifo, measure

path = late_fifo(ssl.DER_cert_to_PEM_cert(b"x").encode())


def call():
    ssl._ssl._test_decode_cert(path)  # <-- blocks


measure(call, "fopen64", held=True, caller="libcrypto.so.3", via="_ssl")
