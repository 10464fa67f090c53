#!/usr/bin/python3
# apt: python3
# Opening a Berkeley database file on slow storage.
import dbm.ndbm

from harness import leased, measure, TMP

path = TMP + "/database"
dbm.ndbm.open(path, "c").close()
leased(path + ".db")


def call():
    dbm.ndbm.open(path, "w").close()  # <-- blocks


measure(call, "open", held=True, caller="libdb-5.3.so", via="_dbm")
