#!/usr/bin/python3
# apt: python3-gdbm
# Opening a database file on slow storage.
import dbm.gnu

from harness import leased, measure, TMP

path = TMP + "/database"
dbm.gnu.open(path, "c").close()
leased(path)


def call():
    dbm.gnu.open(path, "w").close()  # <-- blocks


measure(call, "open", held=True, caller="libgdbm.so.6", via="_gdbm")
