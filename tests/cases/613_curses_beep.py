#!/usr/bin/python3
# apt: python3
# curses.beep writes to the terminal with the GIL held, and the terminal takes no more.
import curses
import os
import pty
import sys
import time

from harness import aside, DELAY, fill, measure

master, slave = pty.openpty()
result = os.dup(1)
sys.stdout = os.fdopen(result, "w")
os.environ["TERM"] = "xterm"
os.dup2(slave, 0)
os.dup2(slave, 1)
curses.initscr()
fill(slave)


def drain(ready):
    ready()
    time.sleep(DELAY)
    while os.read(master, 65536):
        pass


aside(drain)


def call():
    curses.beep()  # <-- blocks


measure(call, "write", held=True, caller="libtinfo.so.6", via="_curses")
curses.endwin()
