#!/usr/bin/python3
# apt: python3-cairo
# An image that is late.
import cairo

from harness import late_fifo, measure

path = late_fifo()


def call():
    cairo.ImageSurface.create_from_png(path)  # <-- blocks


measure(call, "fopen", held=False, caller="libcairo.so.2", via="cairo._cairo")
