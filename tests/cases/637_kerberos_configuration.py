#!/usr/bin/python3
# apt: python3-kerberos
# The configuration of Kerberos is late.
import os

import kerberos

from harness import late_fifo, measure

os.environ["KRB5_CONFIG"] = late_fifo()


def call():
    kerberos.getServerPrincipalDetails("HTTP", "localhost")  # <-- blocks


measure(call, "fopen", held=True, caller="libkrb5.so.3", via="kerberos")
