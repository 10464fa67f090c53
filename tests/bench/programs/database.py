"""Asks a PostgreSQL server small things, with psycopg2.

    database.py SCALE PORT
"""
import sys

import parts
import psycopg2

connection = psycopg2.connect(host="127.0.0.1", port=sys.argv[2], user="postgres", dbname="postgres")
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("SELECT 1")


def ask(scale):
    for number in range(int(6000 * scale)):
        cursor.execute("SELECT %s + 1", (number,))
        if cursor.fetchone() != (number + 1,):
            raise SystemExit("wrong answer")


parts.run(ask)
