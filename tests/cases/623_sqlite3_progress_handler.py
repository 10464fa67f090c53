#!/usr/bin/python3
# apt: python3
# The connection is in use by a thread that waits for a lock of the database; setting a
# handler waits for that thread with the GIL held.
import sqlite3
import threading
import time

from harness import aside, DELAY, measure, TMP

path = TMP + "/database"
database = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
database.execute("create table t (x)")


def holder(ready):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    ready()
    time.sleep(DELAY + 0.1)
    other.execute("commit")


aside(holder)
writer = threading.Thread(target=database.execute, args=("insert into t values (1)",))
writer.start()
time.sleep(0.1)


def call():
    database.set_progress_handler(None, 1)  # <-- blocks


measure(call, "pthread_mutex_lock", held=True, caller="libsqlite3.so.0", via="_sqlite3")
writer.join()
