#!/usr/bin/python3
"""`gilshim run`: options, and the summary and the records of the whole process tree."""
import glob
import os
import re
import shutil
import subprocess
import sys
import time

from running import (COMMAND, HELD, LIB, PLACE, PYTHON, TIMEOUT, calls, check, environment, heads,
                     main, python, report, run, start, state_of, wait_until)

# ---- options ----

SHOW = "import os; print(os.environ['GILSHIM_OPTIONS']); print(os.environ['LD_PRELOAD'])"


def merged(_):
    done = python(SHOW, before=["--blocked=2ms", "--calls=read,nanosleep"],
                  env={"GILSHIM_OPTIONS": "blocked=9ms:top=3"})
    text = done.out.splitlines()[0]
    check(text.startswith("blocked=9ms:top=3:blocked='2ms':calls='read,nanosleep':"), text)
    check("summary=none" in text and "record=" in text, text)
    nap = HELD + "def here(): nap(4000)\nhere()\n"
    for before, environ, seen in (([], "", True), (["--blocked=1s"], "blocked=1ms", True),
                                  (["--skip=usleep"], "", False), ([], "skip=usleep", False),
                                  (["--skip=read"], "skip=usleep", True)):
        done = python(nap, before=before, env={"GILSHIM_OPTIONS": environ})
        check((calls(done.err, "here") == 1) == seen, before, environ, done.err)


def quoted(scratch):
    """Values with separators and quotes arrive as they are."""
    for name in ("a b:c", "it's", 'two "quotes" o\'clock', "käse"):
        path = os.path.join(scratch, name)
        done = python(HELD + "nap(2000)", before=["--log=held", "--log_to=" + path])
        check(done.status == 0 and os.path.exists(path), "no log in", path, done.err)
        check("\tusleep\t" in open(path).read(), "log:", open(path).read())
    done = python("", env={"GILSHIM_OPTIONS": "log_to='open"})
    check(done.status == 2 and done.err.count("\n") == 1, "an open quote:", done.status, done.err)
    done = python("", before=["--log_to=/" + "x" * 5000])
    check(done.status == 2, "too long", done.status, done.err)


def summaries(scratch):
    text = HELD + "def here(): nap(2000)\nhere()\n"
    done = python(text, before=["--summary=none"])
    check(done.status == 0 and done.err == "", "summary=none said", done.err)
    done = python(text, before=["--summary=stderr"])
    check(len(heads(done.err)) == 2, "summary=stderr said", done.err)
    path = os.path.join(scratch, "summary.%p")
    done = python(text, before=["--summary=" + path])
    check(len(heads(done.err)) == 1, "with a path said", done.err)
    check(len(glob.glob(path.replace("%p", "*"))) == 1, "no file")


def relative(scratch):
    """Files are meant from where gilshim began, for processes that begin elsewhere too."""
    here, there = os.path.join(scratch, "here"), os.path.join(scratch, "there")
    os.mkdir(here)
    os.mkdir(there)
    text = ("import os, subprocess, sys\n%snap(2000)\nif len(sys.argv) > 1:\n    subprocess.run("
            "[sys.executable, '-c', sys.argv[1]], cwd=%r, check=True)\n" % (HELD, there))
    for before, environ in ((["--log=held", "--log_to=log", "--summary=sum.%p"], {}),
                            ([], {"GILSHIM_OPTIONS": "log=held:log_to=log:summary=sum.%p"})):
        done = python(text, text, before=before, cwd=here, env=environ)
        check(done.status == 0 and not os.listdir(there), "there:", os.listdir(there), done.err)
        check(len(glob.glob(here + "/sum.*")) == 2, "here:", os.listdir(here))
        check(len({line.split("\t")[1] for line in open(here + "/log")}) == 2, "log:",
              open(here + "/log").read())
        for name in os.listdir(here):
            os.unlink(os.path.join(here, name))
    done = python(SHOW, before=["--log_to=stderr", "--summary=none"])
    check("/stderr" not in done.out and "/none" not in done.out, done.out)


def preloaded(scratch):
    other = os.path.join(scratch, "other.so")
    made = subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-o", other, "/dev/null"],
                          check=False)
    check(made.returncode == 0, "gcc")
    done = python(SHOW, env={"LD_PRELOAD": other})
    check(done.out.splitlines()[1] == LIB + ":" + other, done.out)
    for name in ("with space", "with:colon"):
        directory = os.path.join(scratch, name)
        os.mkdir(directory)
        shutil.copy(LIB, directory)
        done = python("", env={"GILSHIM_LIBRARY": os.path.join(directory, os.path.basename(LIB))})
        check(done.status == 2 and done.err.count("\n") == 1, name, done.status, done.err)
    done = python("", env={"GILSHIM_LIBRARY": "/missing.so"})
    check(done.status == 2 and done.err.count("\n") == 1, "missing", done.status, done.err)
    # found from where the command is
    for where, library in (("here", "here"), ("prefix/bin", "prefix/lib")):
        for directory in (where, library):
            os.makedirs(os.path.join(scratch, directory), exist_ok=True)
        command = shutil.copy(COMMAND, os.path.join(scratch, where, "gilshim"))
        shutil.copy(LIB, os.path.join(scratch, library, "libgilshim.so"))
        done = subprocess.run([command, "run", PYTHON, "-c", SHOW], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd="/", check=False,
                              env=environment(GILSHIM_LIBRARY=None))
        wanted = os.path.realpath(os.path.join(scratch, library, "libgilshim.so"))
        check(done.stdout.decode().splitlines()[1:] == [wanted], where, done.stdout, done.stderr)


# ---- the summary of the tree ----

def nothing(_):
    done = run("/bin/true")
    check(done.status == 0, "status", done.status)
    check(done.err.count("\n") == 1 and "nothing was judged" in done.err, "said", done.err)


TREE = {
    "fork": (HELD + "import os\ndef here(): nap(2000)\n"
             "for i in range(3):\n pid = os.fork()\n if not pid:\n  here(); here(); os._exit(0)\n"
             " os.waitpid(pid, 0)\nhere()\n", 7, 4),
    "exec": (HELD + "import os, sys\ndef here(): nap(2000)\nhere()\n"
             "if len(sys.argv) < 4: os.execv(sys.executable, [sys.executable, '-c', sys.argv[1], "
             "sys.argv[1]] + ['x'] * (len(sys.argv) - 1))\n", 3, 3),
    "_exit": (HELD + "import os\ndef here(): nap(2000)\nhere()\nos._exit(0)\n", 1, 1),
    "SIGKILL": (HELD + "import os\ndef here(): nap(2000)\npid = os.fork()\n"
                "if not pid:\n here(); here(); os.kill(os.getpid(), 9)\n"
                "os.waitpid(pid, 0)\nhere()\n", 3, 2),
    "subprocess": (HELD + "import subprocess, sys\ndef here(): nap(2000)\nhere()\n"
                   "if len(sys.argv) < 3: print(subprocess.check_output([sys.executable, '-c', "
                   "sys.argv[1], sys.argv[1], 'x'], stderr=subprocess.STDOUT))\n", 2, 2),
}


def tree(name):
    text, wanted, processes = TREE[name]

    def case(_):
        done = python(text, text)
        check(done.status == 0, "status", done.status, done.err)
        check(calls(done.err, "here") == wanted, "calls", calls(done.err, "here"), "not", wanted,
              done.err)
        check([more for _, more in heads(done.err)] == [processes - 1], "heads", done.err)
    return case


def multiprocessing(method):
    text = (HELD + "import multiprocessing, sys\n"
            "def here(n): nap(2000)\n"
            "if __name__ == '__main__':\n"
            " multiprocessing.set_start_method(sys.argv[1])\n"
            " children = [multiprocessing.Process(target=here, args=(i,)) for i in range(3)]\n"
            " for c in children: c.start()\n"
            " for c in children: c.join()\n")

    def case(scratch):
        program = os.path.join(scratch, "program.py")
        with open(program, "w") as file:
            file.write(text)
        done = run(PYTHON, program, method)
        check(done.status == 0 and len(heads(done.err)) == 1, done.status, done.err)
        check(calls(done.err, "here") == 3, "calls", done.err)
        check("alive" not in done.err, "a helper is called alive:", done.err)
    return case


def kept(scratch):
    text = TREE["fork"][0]
    for number, (before, environ) in enumerate(((["-o", "{}"], ""), (["--record={}"], ""),
                                                ([], "record={}"), (["-o", "{}"], "record=/no"))):
        for place in (scratch, "/dev/shm"):  # another file system, or the same
            directory = os.path.join(place, "gilshim kept %d" % number)
            shutil.rmtree(directory, ignore_errors=True)
            done = python(text, before=[word.format(directory) for word in before],
                          env={"GILSHIM_OPTIONS": environ.format("'%s'" % directory)})
            try:
                check(done.status == 0 and calls(done.err, "here") == 7, done.status, done.err)
                check(len(os.listdir(directory)) == 4, "kept", os.listdir(directory))
                report_ = report(directory)
                check(sum(site["calls"] for site in report_["sites"]
                          if site["python"][:1] and site["python"][0]["function"] == "here") == 7,
                      "kept records say", report_["sites"])
            finally:
                shutil.rmtree(directory, ignore_errors=True)


def kept_end(scratch):
    """A copy keeps what tells when a killed process was last alive."""
    directory = os.path.join(scratch, "records")
    done = python(HELD + "import os, time\nnap(2000)\ntime.sleep(0.1)\nos.kill(os.getpid(), 9)",
                  before=["-o", directory])
    check(done.status == 137, "status", done.status)
    time.sleep(1)
    process, = report(directory)["processes"]
    check(process["ended"] == "lost" and process["wall_ns"] < 10**9, process)


def nested(_):
    text = HELD + "def here(): nap(2000)\nhere()\n"
    done = run("sh", "-c", '"$0" run "$1" -c "$2"; "$1" -c "$2"', COMMAND, PYTHON, text)
    check(done.status == 0 and calls(done.err, "here") == 2, done.status, done.err)
    check(heads(done.err)[0][1] == 1 and len(heads(done.err)) == 1, done.err)


def daemon(scratch):
    """A process that outlives the program is named, and its record stays."""
    fifo = os.path.join(scratch, "fifo")
    os.mkfifo(fifo)
    text = (HELD + "import os, sys, time\ndef here(): nap(2000)\nr, w = os.pipe()\n"
            "if os.fork(): os.read(r, 1); os._exit(4)\nos.setsid()\nif os.fork(): os._exit(0)\n"
            "here()\nprint(os.getpid(), flush=True)\n"
            "for d in range(3): os.close(d)\nos.write(w, b'x')\n"
            "open(sys.argv[1]).read()\n")
    kept_in = os.path.join(scratch, "kept")
    done = python(text, fifo, before=["-o", kept_in])
    pid = int(done.out)
    check(done.status == 4, "status", done.status, done.err)
    found = re.search(r"still alive: \S+\[(\d+)\]; its record stays in (\S+)\n", done.err)
    check(found and int(found.group(1)) == pid, "said", done.err)
    check(calls(done.err, "here") == 1, "its calls so far:", done.err)
    directory = found.group(2)
    try:
        ended = [process["ended"] for process in report(directory)["processes"]]
        check(ended == ["alive"], "records:", ended)
        check(len(os.listdir(kept_in)) >= 1, "kept:", os.listdir(kept_in))
        with open(fifo, "w"):
            pass
        wait_until("the daemon is gone", lambda: state_of(pid) in "gone Z")
        check([process["ended"] for process in report(directory)["processes"]] == ["exit"], "end")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


DROPS = ("import os\nos.setgid(65534); os.setuid(65534)\n" + HELD +
         "def here(): nap(2000)\nif os.fork() == 0:\n    here(); os._exit(0)\nos.wait()\n")


def dropped(_):
    """A server that root starts goes on as somebody else: its children are seen as well."""
    if os.geteuid() != 0:
        return
    done = python(DROPS)
    check(done.status == 0 and calls(done.err, "here") == 1, "said", done.err)


def no_room(_):
    """A process that could keep no record is told to be missing; the gate does not pass it."""
    text = ("import os, resource, sys\n" + HELD +
            "limit = int(sys.argv[1]) or resource.RLIM_INFINITY\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
            "os.close(2)\nif os.fork() == 0: os._exit(0)\nos.wait()\n")
    for limit, status in ((100000, 2), (0, 0)):
        done = subprocess.run([COMMAND, "check", "--", PYTHON, "-c", text, str(limit)],
                              env=environment(), stderr=subprocess.PIPE, check=False,
                              universal_newlines=True)
        check(done.returncode == status, "status", done.returncode, done.stderr)
        check(("could keep no record" in done.stderr) == (status == 2), "said", done.stderr)


def late(_):
    """A process that begins when the run is over makes no place of its own for its record."""
    wait, go = os.pipe()
    text = "import os; print(os.environ['GILSHIM_OPTIONS'])"
    line = '(read x <&%d; exec "$0" -c "$1") & :' % wait
    process = subprocess.Popen([COMMAND, "run", "sh", "-c", line, PYTHON, text], pass_fds=[wait],
                               env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               universal_newlines=True)
    os.close(wait)
    check(process.wait(TIMEOUT) == 0, "status", process.returncode)
    os.close(go)
    out, err = process.communicate(timeout=TIMEOUT)
    directory = re.search(r"record='?([^':]+)/\.", out).group(1)
    check(directory.startswith(PLACE) and not os.path.exists(directory), "left", directory)
    check("no such directory; this process keeps no record" in err, "said", err)


def closed_error(_):
    """Standard error is closed, or nobody reads it: the status is the program's all the same."""
    for redirect in ("2>&-", "2>/dev/full", "1>&- 2>&- 0<&-"):
        done = subprocess.run(["sh", "-c", '"$0" run "$1" -c "raise SystemExit(3)" ' + redirect,
                               COMMAND, PYTHON], env=environment(), check=False)
        check(done.returncode == 3, redirect, "status", done.returncode)
    process = start(PYTHON, "-c", "import os; os.read(0, 1); raise SystemExit(3)")
    process.stderr.close()
    process.stdin.close()
    check(process.wait(TIMEOUT) == 3, "a broken pipe: status", process.returncode)
    process.stdout.close()


CASES = [("merged", merged), ("quoted", quoted), ("summaries", summaries),
         ("relative", relative),
         ("preloaded", preloaded), ("nothing", nothing)]
CASES += [("tree " + name, tree(name)) for name in TREE]
CASES += [("multiprocessing " + method, multiprocessing(method))
          for method in ("fork", "spawn", "forkserver")]
CASES += [("kept", kept), ("kept end", kept_end), ("nested", nested), ("daemon", daemon),
          ("dropped", dropped), ("no room", no_room), ("late", late),
          ("closed error", closed_error)]

sys.exit(main(CASES))
