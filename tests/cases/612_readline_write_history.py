#!/usr/bin/python3
# apt: python3
# Writing a history file to a FIFO without a reader.
import os
import readline

from harness import later, measure, TMP

path = TMP + "/fifo"
os.mkfifo(path)
readline.add_history("line")
later(lambda: os.read(os.open(path, os.O_RDONLY), 1))


def call():
    readline.write_history_file(path)  # <-- blocks


measure(call, "open", held=True, caller="libreadline.so.8", via="readline")
