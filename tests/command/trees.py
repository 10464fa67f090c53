#!/usr/bin/python3
"""Every way of making a child: exactly one record for each image of a Python process, none for
shells and their like, and a report of all that is the sum of the reports of each.

The programs keep books of their own: each image (what one exec or fork made) writes a line with its
process id and the number of held calls that it will make."""
import collections
import os
import sys

from running import PYTHON, check, main, report, run

# In every program: `image(n)` notes this image and makes n held calls.
COMMON = """
import ctypes, os, signal, socket, subprocess, sys, threading, time
nap = ctypes.PyDLL(None).usleep
def image(n=1):
    with open(os.environ["BOOKS"], "a") as books:
        books.write("%d %d\\n" % (os.getpid(), n))
    for _ in range(n):
        nap(1500)
def wait(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, -9)
ONE = [sys.executable, "-c", os.environ["COMMON"] + "image(2)"]
def forked(act):
    pid = os.fork()
    if pid == 0:
        act()
        os._exit(0)
    return pid
"""

TREES = {
    "fork": "image()\nfor i in range(3): wait(forked(lambda: image(i + 1)))",
    "fork, ends as Python does": "image()\nif os.fork() == 0: image(); sys.exit(0)\nos.wait()",
    "fork of a fork": "image()\nwait(forked(lambda: (image(), wait(forked(lambda: image(3))))))",
    "fork in a thread": "image()\nt = threading.Thread(target=lambda: wait(forked(image)))\n"
                        "t.start(); t.join()",
    "fork while threads call": "image()\nstop = threading.Event()\n"
                               "t = threading.Thread(target=lambda: [time.sleep(0) for _ in "
                               "iter(stop.is_set, True)])\nt.start()\n"
                               "for i in range(5): wait(forked(image))\nstop.set(); t.join()",
    "pty.fork": "import pty\nimage()\npid, fd = pty.fork()\nif pid == 0: image(); os._exit(0)\nwait(pid)",
    "exec": "image()\nos.execv(ONE[0], ONE)",
    "exec twice": "image()\nos.execv(ONE[0], ONE[:2] + [ONE[2] + '\\nos.execv(ONE[0], ONE)'])",
    "execl of libc": "image()\nctypes.PyDLL(None).execl(ONE[0].encode(), b'python3', b'-c', "
                     "ONE[2].encode(), None)",
    "fork and exec": "image()\nwait(forked(lambda: os.execv(ONE[0], ONE)))",
    "fork, calls and exec": "image()\nwait(forked(lambda: (image(3), os.execv(ONE[0], ONE))))",
    "subprocess, by vfork": "image()\nfor i in range(3): subprocess.run(ONE, check=True)",
    "subprocess, by fork": "image()\nsubprocess.run(ONE, check=True, preexec_fn=image)",
    "subprocess, by posix_spawn": "image()\nsubprocess._USE_VFORK = False\n"
                                  "subprocess.run(ONE, check=True, close_fds=False)",
    "posix_spawn": "image()\nwait(os.posix_spawn(ONE[0], ONE, os.environ))\n"
                   "wait(os.posix_spawnp('env', ['env'] + ONE, os.environ))",
    "shells between": "image()\nsubprocess.run(['sh', '-c', 'true; \"$@\" | cat; ls / > /dev/null; "
                      "\"$@\"; (exec \"$@\")', 'sh'] + ONE, check=True)",
    "os.system": "image()\nos.environ['ONE'] = ONE[2]\n"
                 "os.system(sys.executable + ' -c \"$ONE\"'); os.system('true')",
    "os.popen": "image()\nprint(os.popen('echo a; false').read())",
    "killed": "image()\nwait(forked(lambda: (image(), os.kill(os.getpid(), 9))))",
    "daemon by two forks": """
image()
r, w = os.pipe()
def first():
    os.setsid()
    image()
    if os.fork():
        os._exit(0)
    os.chdir('/')
    image(3)
wait(forked(first))
os.close(w)
os.read(r, 1)
""",
    "workers forked before": """
# As gunicorn: the master listens, workers accept; one that dies is replaced.
image()
server = socket.create_server(("127.0.0.1", 0))
def worker():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    image()
    while True:
        connection, _ = server.accept()
        with connection:
            word = connection.recv(1)
            if word == b"k":
                os.kill(os.getpid(), signal.SIGKILL)
            if word == b"n":
                image()
            connection.sendall(b"%d" % os.getpid())
def start():
    pid = os.fork()
    if pid == 0:
        try:
            worker()
        finally:
            os._exit(0)
    return pid
def ask(word):
    with socket.create_connection(server.getsockname()) as connection:
        connection.sendall(word)
        return connection.recv(16)
workers = {start() for _ in range(3)}
for _ in range(6):
    ask(b"n")
try:
    ask(b"k")
except ConnectionError:
    pass
workers.remove(os.wait()[0])
workers.add(start())
for _ in range(4):
    ask(b"n")
for pid in workers:
    os.kill(pid, signal.SIGTERM)
for pid in workers:
    os.waitpid(pid, 0)
""",
}

# Where an image is not a line: a child that is Python for a moment only and notes nothing; workers
# that note every call.
IMAGES = {"fork and exec": lambda made: 3, "workers forked before": len}

POOL = """
import multiprocessing, concurrent.futures
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    image()
    children = [multiprocessing.Process(target=image, args=(i + 1,)) for i in range(2)]
    for child in children: child.start()
    for child in children: child.join()
    with concurrent.futures.ProcessPoolExecutor(2, initializer=image) as pool:
        assert list(pool.map(abs, range(-6, 0)))
"""
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def usleeps(report_):
    return sum(row["held"]["calls"] for row in report_["functions"] if row["call"] == "usleep")


def totals(report_):
    sums = report_["totals"]
    return [sums["held"]["calls"], sums["held"]["harmless"], sums["released"]["calls"],
            sums["none"]["calls"], sums["held"]["blocked_calls"],
            sum(site["calls"] for site in report_["sites"])]


def read_books(path):
    """Held calls of each process."""
    made = collections.Counter()
    for line in open(path):
        pid, calls = line.split()
        made[int(pid)] += int(calls)
    return made


def books_agree(scratch, argv, images=None, helpers=()):
    """Runs it. `images`: how many there are, if not one for each line of the books; `helpers` are
    further Pythons, which make no calls of ours."""
    books, directory = os.path.join(scratch, "books"), os.path.join(scratch, "records")
    done = run(*argv, before=["-o", directory], env={"BOOKS": books, "COMMON": COMMON})
    check(done.status == 0 and "Traceback" not in done.err, "status", done.status, done.err)
    made = read_books(books)
    reports = [report(os.path.join(directory, name)) for name in sorted(os.listdir(directory))]
    processes = [report_["processes"][0] for report_ in reports]
    counted = collections.Counter()
    for process, report_ in zip(processes, reports):
        counted[process["pid"]] += usleeps(report_)
        check(process["argv"][0].rpartition("/")[2].startswith("python"), "a record of",
              process["argv"])
    check(+counted == +made, "held calls by process:", dict(+counted), "not", dict(made))
    plain = [process for process in processes
             if not any(helper in " ".join(process["argv"]) for helper in helpers)
             or process["pid"] in made]
    images = images(made) if images else sum(1 for _ in open(books))
    check(len(plain) == images, "records:", [(p["pid"], p["argv"][:1], p["ended"]) for p in plain],
          "of", images, "images")
    together = report(directory)
    check(len(together["processes"]) == len(reports), "processes together")
    sums = [sum(column) for column in zip(*map(totals, reports))]
    check(totals(together) == sums, "together", totals(together), "one by one", sums)
    check("alive" not in done.err, "said", done.err)
    return processes


def tree(name):
    def case(scratch):
        books_agree(scratch, [PYTHON, "-c", COMMON + TREES[name]], IMAGES.get(name))
    return case


def multiprocessing(method):
    def case(scratch):
        program = os.path.join(scratch, "program.py")
        with open(program, "w") as file:
            file.write(COMMON + POOL)
        books_agree(scratch, [PYTHON, program, method], None, HELPERS)
    return case


def unwatched(scratch):
    """The twin: a Python without the library in its environment has no record."""
    directory, books = os.path.join(scratch, "records"), os.path.join(scratch, "books")
    text = COMMON + ("image()\nclean = {k: v for k, v in os.environ.items() if k != 'LD_PRELOAD'}\n"
                     "subprocess.run(ONE, check=True, env=clean)\n")
    done = run(PYTHON, "-c", text, before=["-o", directory], env={"BOOKS": books, "COMMON": COMMON})
    check(done.status == 0, done.err)
    check(len(read_books(books)) == 2 and len(os.listdir(directory)) == 1, "records:",
          os.listdir(directory))


def alone(scratch):
    """children=0: the same, by an option."""
    directory, books = os.path.join(scratch, "records"), os.path.join(scratch, "books")
    done = run(PYTHON, "-c", COMMON + "image()\nsubprocess.run(ONE, check=True)\n",
               before=["-o", directory, "--children=0"], env={"BOOKS": books, "COMMON": COMMON})
    check(done.status == 0, done.err)
    check(len(read_books(books)) == 2 and len(os.listdir(directory)) == 1, "records:",
          os.listdir(directory))


CASES = [(name, tree(name)) for name in TREES]
CASES += [("multiprocessing " + method, multiprocessing(method))
          for method in ("fork", "spawn", "forkserver")]
CASES += [("unwatched", unwatched), ("alone", alone)]
sys.exit(main(CASES))
