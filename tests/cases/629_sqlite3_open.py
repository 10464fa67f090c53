#!/usr/bin/python3
# apt: python3
# A database file on slow storage.
import sqlite3

from harness import leased, measure, TMP

path = TMP + "/database"
open(path, "w").close()
leased(path)


def call():
    sqlite3.connect(path)  # <-- blocks


measure(call, "open64", held=False, caller="libsqlite3.so.0", via="_sqlite3")
