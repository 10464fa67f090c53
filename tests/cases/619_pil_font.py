#!/usr/bin/python3
# apt: python3-pil
# Opening a font on slow storage.
from harness import leased, measure, TMP

from PIL import ImageFont
path = TMP + "/font.ttf"
open(path, "w").close()
leased(path)


def call():
    ImageFont.truetype(path)  # <-- blocks


measure(call, "open", held=True, caller="libfreetype.so.6", via="PIL._imagingft")
