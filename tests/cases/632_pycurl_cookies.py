#!/usr/bin/python3
# apt: python3-pycurl
# A file of cookies that is late.
import pycurl

from harness import late_fifo, measure

transfer = pycurl.Curl()
transfer.setopt(transfer.COOKIEFILE, late_fifo())


def call():
    transfer.setopt(transfer.COOKIELIST, "RELOAD")  # <-- blocks


measure(call, "fopen", held=True, caller="libcurl-gnutls.so.4", via="pycurl")
