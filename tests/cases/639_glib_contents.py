#!/usr/bin/python3
# apt: python3-gi gir1.2-glib-2.0
# Every call of introspection drops the GIL.
from harness import late_fifo, measure

from gi.repository import GLib
path = late_fifo(b"x")


def call():
    GLib.file_get_contents(path)  # <-- blocks


measure(call, "open64", held=False, caller="libglib-2.0.so.0", via="gi._gi")
