"""A PostgreSQL server of our own, on loopback, for as long as it is needed; not on the processor of the
programs that ask it, where that is one of several."""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile

import measure


class Database:
    def __enter__(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            raise measure.Failed("PostgreSQL is not installed")
        self.programs = programs[-1]
        self.folder = tempfile.mkdtemp(prefix="gilshim-bench-")
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        data = self.folder + "/data"
        self._do("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
        self._do("pg_ctl", "-D", data, "-w", "-l", self.folder + "/log", "-o",
                 "-p %s -k %s -c fsync=off -c listen_addresses=127.0.0.1" % (self.port, self.folder),
                 "start")
        return self

    def _do(self, program, *arguments):
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        # pg_ctl's server keeps its standard output: no pipe.
        away = ["taskset", "-c", measure.processors()[1]]
        done = subprocess.run([*away, *user, "%s/%s" % (self.programs, program), *arguments], check=False,
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        if done.returncode:
            raise measure.Failed("%s: status %d" % (program, done.returncode))

    def __exit__(self, *exception):
        try:
            self._do("pg_ctl", "-D", self.folder + "/data", "-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
