#!/usr/bin/python3
# apt: python3
# A callback in a query: sqlite3 has dropped the GIL, the callback takes it and sleeps with it.
import ctypes
import sqlite3

from harness import DELAY, measure

sleep = ctypes.PyDLL(None).usleep
database = sqlite3.connect(":memory:")


def callback(value):
    sleep(int(DELAY * 1e6))  # <-- blocks
    return value


database.create_function("f", 1, callback)


def call():
    database.execute("select f(1)").fetchall()


measure(call, "usleep", held=True, via="_ctypes")
