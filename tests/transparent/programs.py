"""Other people's programs: what they say bare and under the library, with and without its summary."""
import difflib
import os
import re
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
PSYCOPG2 = "psycopg2==2.9.13"  # from its source, where its tests are
LIMIT = 900
ROUNDS = 3

# name: what is compared, does it need the internet
TABLE = {
    "shell": ("bash, git, gcc: output, status, hashes of what they made", False),
    "pip_install": ("a venv, markupsafe built, pyyaml from a wheel: list, check, use", True),
    "pytest_regex": ("pytest of the regex package: verdict of each test", False),
    "gunicorn_app": ("80 answers each: threads, forked workers, both with --preload; log, end", False),
    "uvicorn_uvloop": ("80 answers from uvloop with threads and children; log, end", False),
    "gevent_patched": ("100 greenlet clients, thread pool, children, fork, timeout", False),
    "celery_redis": ("40 results each of prefork and threads on Redis; logs, end", False),
    "jupyter_kernel": ("cells: streams, results, errors, a shell, an interrupt", False),
    "numpy_tests": ("a part of numpy's own tests: verdict of each", False),
    "psycopg2_tests": ("psycopg2's own tests on PostgreSQL: verdict of each", False),
}
SIDES = (("bare", False, None), ("preloaded, summary=none", True, "summary=none"),
         ("preloaded", True, None))


class Missing(Exception):
    """The programs could not be installed."""


def install(build, python):
    """A virtual environment with what the programs import. Returns its interpreter."""
    venv = os.path.join(build, "venv")
    interpreter, pip = os.path.join(venv, "bin", "python"), ["-m", "pip", "-q"]
    stamp = os.path.join(venv, "complete")
    wanted = open(os.path.join(HERE, "requirements.txt")).read() + PSYCOPG2
    if os.path.exists(stamp) and open(stamp).read() == wanted:
        return interpreter
    sources = os.path.join(build, "sources")
    for step in ([python, "-m", "venv", "--clear", venv],
                 [interpreter, *pip, "install", "-r", os.path.join(HERE, "requirements.txt")],
                 [interpreter, *pip, "download", "--no-binary=:all:", "--no-deps",
                  "--no-build-isolation", "-d", sources, PSYCOPG2],
                 [interpreter, *pip, "install", "--no-build-isolation", "--no-index",
                  "--find-links", sources, PSYCOPG2]):
        done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode:
            raise Missing("%s: %s" % (" ".join(step), done.stdout[-500:]))
    for archive in os.listdir(sources):
        shutil.unpack_archive(os.path.join(sources, archive), venv)
    with open(stamp, "w") as file:
        file.write(wanted)
    return interpreter


class Program:
    """One program: its runs on each side."""

    def __init__(self, runner, name, interpreter, logs):
        self.runner, self.name, self.logs = runner, name, logs
        self.what, self.online = TABLE[name]
        venv = os.path.dirname(os.path.dirname(interpreter))
        self.command = [interpreter, os.path.join(PROGRAMS, name + ".py")]
        if name == "psycopg2_tests":
            self.command.append(os.path.join(venv, PSYCOPG2.replace("==", "-"), "tests"))
        self.path = "PATH=%s:%s" % (os.path.dirname(interpreter), os.environ["PATH"])
        self.wrong, self.seconds = [], 0

    def run(self, side, preloaded, options):
        begun = time.monotonic()
        run = self.runner.run(self.command, preloaded, LIMIT, more=[self.path],
                              options=options, online=self.online)
        self.seconds = max(self.seconds, time.monotonic() - begun)
        with open(os.path.join(self.logs, "%s.%s.log" % (self.name, side.replace(" ", "_"))),
                  "w") as log:
            log.write("status %s\n%s\n---- standard error\n%s" % (run.status, run.out, run.err))
        return run

    def compare(self):
        """The sides in turn; a difference counts if it is there each time."""
        said = {side: set() for side, _, _ in SIDES}
        for _ in range(1 + ROUNDS):
            runs = {side: self.run(side, preloaded, options)
                    for side, preloaded, options in SIDES}
            for side, run in runs.items():
                said[side].add((run.status, plain(run.out)))
            self.wrong = ["%s differs from bare: %s" % (side, difference(said["bare"], said[side]))
                          for side in said if not said[side] & said["bare"]]
            if not self.wrong:
                break
        self.flaky = len(set.union(*said.values())) > 1 and not self.wrong
        if runs["bare"].status == "timeout" or not runs["bare"].out:
            self.wrong.append("bare: no end, or no output: " + runs["bare"].err[-300:])
        if "gilshim" in runs[SIDES[1][0]].err:
            self.wrong.append("summary=none, and yet: " + runs[SIDES[1][0]].err[-300:])
        if "gilshim: " not in runs[SIDES[2][0]].err:
            self.wrong.append("the summary is missing")
        return self


def plain(text):
    """Without what is another in each run: the working directory."""
    return re.sub(r"/\S*?/gst-\w+", "WORK", text)


def difference(some, others):
    one, other = sorted(map(str, some))[0], sorted(map(str, others))[0]
    lines = difflib.unified_diff(one.split("\\n"), other.split("\\n"), lineterm="", n=0)
    return " | ".join(list(lines)[3:])[:600]
