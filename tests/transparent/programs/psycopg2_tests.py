"""psycopg2: its own tests, against a PostgreSQL of our own."""
import glob
import os
import subprocess
import sys

from common import Server, say, say_tests

NOBODY = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if not os.getuid() \
    else []
POSTGRES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
DATA = os.path.join(os.getcwd(), "data")

# The server is another program's: it runs bare.
bare = {name: value for name, value in os.environ.items()
        if name != "LD_PRELOAD" and not name.startswith("GILSHIM")}
os.mkdir(DATA)
os.chmod(os.getcwd(), 0o755)
if NOBODY:
    subprocess.run(["chown", "postgres:postgres", DATA], check=True)
subprocess.run(NOBODY + [POSTGRES + "/initdb", "-D", DATA, "-U", "postgres", "--auth=trust", "-N"],
               stdout=subprocess.DEVNULL, check=True, env=bare, cwd="/")
server = Server(NOBODY + [POSTGRES + "/postgres", "-D", DATA, "-k", DATA, "-c", "fsync=off", "-c",
                          "max_prepared_transactions=10", "-p", "5440"], 5440, env=bare)
for statement in ("CREATE DATABASE psycopg2_test", ):
    subprocess.run([POSTGRES + "/psql", "-h", "127.0.0.1", "-p", "5440", "-U", "postgres", "-qc",
                    statement], check=True, env=bare, cwd="/")
say_tests([sys.argv[1]], env=dict(
    os.environ, PSYCOPG2_TESTDB_HOST="127.0.0.1", PSYCOPG2_TESTDB_PORT="5440",
    PSYCOPG2_TESTDB_USER="postgres"))
say("server", bool(server.say_end()))
