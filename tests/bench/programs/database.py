"""Asks a PostgreSQL server small things, with psycopg2.

    database.py SCALE PORT
"""
import json
import sys
import time

import psycopg2

connection = psycopg2.connect(host="127.0.0.1", port=sys.argv[2], user="postgres", dbname="postgres")
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("SELECT 1")
begun, cpu = time.perf_counter(), time.process_time()
for number in range(int(6000 * float(sys.argv[1]))):
    cursor.execute("SELECT %s + 1", (number,))
    if cursor.fetchone() != (number + 1,):
        raise SystemExit("wrong answer")
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))
