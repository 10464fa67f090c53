#!/usr/bin/python3
# apt: python3-lxml
# lxml drops the GIL while libxml2 reads.
from harness import late_fifo, measure

from lxml import etree
path = late_fifo(b"<a/>")


def call():
    etree.parse(path)  # <-- blocks


measure(call, "open64", held=False, caller="libxml2.so.2", via="lxml.etree")
