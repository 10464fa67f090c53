"""sqlite3 releases the GIL around its own waiting, but not while a Python callback of it runs.

reported: GIL001 usleep 11 calls in slow
not reported: query_quick
"""
import ctypes
import sqlite3

libc = ctypes.PyDLL(None)


def slow(value):
    libc.usleep(1000)
    return value


def query_quick(connection):
    return connection.execute("select count(*) from numbers").fetchone()


db = sqlite3.connect(":memory:")
db.execute("create table numbers (n)")
db.executemany("insert into numbers values (?)", [(n,) for n in range(11)])
db.create_function("slow", 1, slow)
assert sum(n for n, in db.execute("select slow(n) from numbers")) == 55
assert query_quick(db) == (11,)
