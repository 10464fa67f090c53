"""CPython's own regression tests: the verdict of each test, bare and under the library."""
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "truth"))
import interpreters  # noqa: E402

# What waits, opens, forks, maps or loads; names differ between versions.
MODULES = """test_socket test_ssl test_subprocess test_os test_posix test_io test_fileio test_file
    test_select test_selectors test_epoll test_poll test_fcntl test_signal test_time test_threading
    test_threadsignals test_thread test_queue test_asyncio test_concurrent_futures
    test_multiprocessing_fork test_multiprocessing_spawn test_multiprocessing_forkserver test_fork1
    test_wait3 test_wait4 test_popen test_pty test_tty test_mmap test_ctypes test_faulthandler
    test_interpreters test_embed test_import test_sqlite test_sqlite3 test_threading_local
    test_threadedtempfile test_socketserver test_openpty test_kqueue test_shutil test_tempfile
    test_fork test_external_inspection test__interpreters test__xxsubinterpreters test_dbm_gnu
    test_pathlib test_logging test_sched test_contextlib test_gc test_atexit""".split()
# What `make check` has time for.
QUICK = """test_fcntl test_select test_selectors test_epoll test_poll test_posix test_fileio
    test_file test_thread test_fork1 test_popen test_mmap test_time test_pty test_atexit
    test_ctypes""".split()
QUICK_VERSIONS = ("3.11", "3.13")
# Modules that never end, bare as preloaded: a thread waits for a lock that nobody holds any more.
ENDLESS = (("3.11.7", "test_interpreters"), ("3.11.7", "test__xxsubinterpreters"))
WHOLE = "(the module)"
ROUNDS = 3
LIMIT = 1000  # seconds for one module, on a machine that does other things too
WHOLE_AGAIN = 60  # a module that took less is run whole when it is run again


class Interpreter:
    """An interpreter and its regression tests."""

    def __init__(self, interpreter):
        self.path, self.version = interpreter.path, interpreter.version
        self.name = interpreter.name.replace("cpython-", "")
        out = subprocess.run([self.path, "-c", "import test; print(test.__path__[0])"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        self.tests = out.decode().strip()

    def modules(self, wanted):
        version = ".".join(map(str, self.version))
        return [name for name in wanted if self.tests and (version, name) not in ENDLESS and (
            os.path.isdir(os.path.join(self.tests, name)) or
            os.path.exists(os.path.join(self.tests, name + ".py")))]


def find():
    return [Interpreter(found) for found in interpreters.discover()
            if found.cpython and not found.free_threaded]


def verdict_of(case):
    for element, word in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        if case.find(element) is not None:
            return word
    return case.get("result", "completed").replace("completed", "passed")


def read_verdicts(path):
    """test -> verdict; a test that ran more than once has all its verdicts, in order of name."""
    try:
        tree = xml.etree.ElementTree.parse(path)
    except (OSError, xml.etree.ElementTree.ParseError):
        return {}
    verdicts = {}
    for case in tree.iter("testcase"):
        verdicts.setdefault(case.get("name"), set()).add(verdict_of(case))
    return {name: "+".join(sorted(words)) for name, words in verdicts.items()}


def outcome(run):
    """What the run says of the module: its status, and whether it left something behind."""
    changed = re.search(r"altered the execution environment|ENV_CHANGED", run.out + run.err)
    return "status %s%s" % (run.status, ", environment changed" if changed else "")


class Module:
    """One module of one interpreter: its runs on both sides."""

    def __init__(self, runner, interpreter, name, logs, options):
        self.runner, self.interpreter, self.name = runner, interpreter, name
        self.options = options
        self.logs = os.path.join(logs, interpreter.name)
        os.makedirs(self.logs, exist_ok=True)
        self.sides = {False: [], True: []}  # verdicts of each run
        self.seconds = 0

    def run(self, preloaded, chosen=()):
        number = len(self.sides[preloaded])
        base = os.path.join(self.logs, "%s.%s%d" % (self.name, "AB"[preloaded], number))
        command = [self.interpreter.path, "-m", "test", "--junit-xml", base + ".xml"]
        for test in chosen:
            command += ["-m", test]
        if os.path.exists(base + ".xml"):
            os.unlink(base + ".xml")
        begun = time.monotonic()
        run = self.runner.run(command + [self.name], preloaded, LIMIT, self.options)
        self.seconds = max(self.seconds, time.monotonic() - begun)
        with open(base + ".log", "w") as log:
            log.write(run.out + run.err)
        verdicts = read_verdicts(base + ".xml")
        verdicts[WHOLE] = outcome(run)
        self.sides[preloaded].append(verdicts)

    def seen(self, test, preloaded):
        return [verdicts.get(test, "absent") for verdicts in self.sides[preloaded]]

    def differing(self):
        """Tests of which no verdict was seen on both sides."""
        tests = {test for side in self.sides.values() for verdicts in side for test in verdicts}
        return sorted(test for test in tests
                      if not set(self.seen(test, False)) & set(self.seen(test, True)))

    def compare(self):
        """A difference counts if it is there each time that it is looked for."""
        self.run(False)
        self.run(True)
        first = self.differing()
        chosen = []
        if self.seconds > WHOLE_AGAIN and WHOLE not in first:
            chosen = [test for test in first if re.fullmatch(r"[\w.]+", test)]
            chosen = chosen if len(chosen) == len(first) else []
        for _ in range(ROUNDS):
            if not self.differing():
                break
            self.run(False, chosen)
            self.run(True, chosen)
        self.differ = self.differing()
        every = set(self.sides[False][0]) | set(self.sides[True][0])
        self.tests = len(every - {WHOLE})
        self.flaky = sorted(test for test in every - set(self.differ)
                            if self.seen(test, False)[0] != self.seen(test, True)[0])
        return self

    def counts(self, test):
        text = []
        for preloaded, side in ((False, "bare"), (True, "preloaded")):
            words = self.seen(test, preloaded)
            text.append("%s: %s" % (side, ", ".join(
                "%d %s" % (words.count(word), word) for word in sorted(set(words)))))
        return "; ".join(text)
