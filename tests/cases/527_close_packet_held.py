#!/usr/bin/python3
# apt: python3
# Closing a packet socket waits until no processor of the kernel looks at it any more. The calls
# follow each other without a look at who wants the GIL.
import os
import socket

from harness import libc, measure

ALL = 0x0300  # ETH_P_ALL in network order
descriptors = []
for number in range(10):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ALL) as packets:
        packets.bind(("lo", ALL))
        descriptors.append(os.dup(packets.fileno()))


def call():
    list(map(libc.close, descriptors))  # <-- blocks


measure(call, "close", least=0.03)
