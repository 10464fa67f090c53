#!/usr/bin/python3
# apt: python3-ldb
# A record lock of a database that another process has.
import os
import time

import ldb

from harness import aside, DELAY, measure, TMP

os.environ["LDB_MODULES_DISABLE_DEEPBIND"] = "1"  # a library bound deeply escapes every preload
path = TMP + "/database"
ldb.Ldb(path).add({"dn": "cn=first"})


def holder(ready):
    database = ldb.Ldb(path)
    database.transaction_start()
    database.add({"dn": "cn=second"})
    ready()
    time.sleep(DELAY)
    database.transaction_cancel()


aside(holder)
database = ldb.Ldb(path)


def call():
    database.add({"dn": "cn=third"})  # <-- blocks


measure(call, "fcntl", held=True, caller="libtdb.so.1", via="ldb")
