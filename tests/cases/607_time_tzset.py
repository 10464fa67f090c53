#!/usr/bin/python3
# apt: python3
# time.tzset reads the file that TZ names with the GIL held.
import os
import time

from harness import late_fifo, measure

os.environ["TZ"] = ":" + late_fifo()


def call():
    time.tzset()  # <-- blocks


measure(call, "tzset", held=True, caller="python3.11", via="time.tzset")
