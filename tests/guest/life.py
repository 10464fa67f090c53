"""Process life: fork, exec, _exit, daemons, death."""
import os
import re
import signal

from frames import wait_for
from world import PROGRAMS, PYTHON, check, check_made, row, summaries


def blocked(report, pid=None):
    """How often usleep blocked with the GIL held, in one process or in all."""
    return sum(site["calls"] for site in report["sites"] if site["call"] == "usleep"
               and site["rule"] == "GIL001" and (pid is None or pid in site["pids"]))


def ended(report):
    return sorted(process["ended"] for process in report["processes"])


# act: status, ends of the processes with a record, held usleep calls, summaries on standard error
ACTS = {
    "fork": (0, ["_exit", "exit"], 3, 2),
    "spawn": (0, None, 3, None),
    "forkserver": (0, None, 3, None),
    "fork exec": (0, ["exec", "exit"], 0, 1),
    "fork _exit": (0, None, 0, None),
    "fork python": (0, ["exit", "exit"], 2, 2),
    "fork os._exit": (0, ["_exit", "exit"], 2, 2),
    "fork in thread": (0, ["_exit", "exit"], 2, 2),
    "os._exit": (7, ["_exit"], 2, 1),
    "exec": (5, ["exec"], 2, 1),
    "exec python": (0, ["exec", "exit"], 3, 2),
    "failed exec": (0, ["exit"], 2, 1),
    "failed exec _exit": (3, ["_exit"], 2, 1),
    "kill": (-signal.SIGKILL, None, 2, 0),
    "abort": (-signal.SIGABRT, None, 2, 0),
}


def act(name):
    def case(world):
        status, ends, usleeps, said = ACTS[name]
        bare = world.python("processes.py", name, bare=True)
        check(bare.status == status, "bare: status", bare.status, bare.err)
        run = world.python("processes.py", name)
        check(run.status == status, "status", run.status, run.err)
        check(run.out == bare.out, "output", run.out, "not", bare.out)
        report = run.report()
        if ends:
            check(ended(report) == ends, "ends:", ended(report))
        check(blocked(report) == usleeps, "usleep blocked:", blocked(report), "not", usleeps)
        processes = {process["pid"] for process in report["processes"]}
        told = summaries(run.err)
        if said is not None:
            check(len(told) == said, "summaries:", run.err)
        check(len(set(told)) == len(told) and {pid for _, pid in told} <= processes,
              "summaries of", told, "records of", processes)
        # Without record files the same is said.
        plain = world.python("processes.py", name, record=False)
        check(said is None or len(summaries(plain.err)) == said, "without a record:", plain.err)
    return case


def only_executes(world):
    """A child in which no Python runs before it is another program has no record and says nothing;
    the twin, where Python code runs in the child, has one."""
    text = "import subprocess\nfor i in range(5): subprocess.run(['true'], %s)"
    for how in ("close_fds=True", "close_fds=False", "start_new_session=True"):
        run = world.python("-c", text % how)
        check(len(run.records()) == 1, how, "records", run.records())
        check(len(summaries(run.err)) == 1, how, "said", run.err)
    run = world.python("-c", text % "preexec_fn=lambda: None")
    check(len(run.records()) == 6, "preexec_fn: records", run.records())
    check(ended(run.report()) == ["exec"] * 5 + ["exit"], ended(run.report()))
    check(len(summaries(run.err)) == 1, "preexec_fn: said", run.err)


def multiprocessing(method):
    def case(world):
        run = world.python("processes.py", method)
        report = run.report()
        pids = {pid for site in report["sites"] if site["call"] == "usleep" for pid in site["pids"]}
        check(len(pids) == 1, "usleep in", pids)
        child = [process for process in report["processes"] if process["pid"] in pids]
        check(len(child) == 1 and child[0]["ppid"] != os.getpid(), "child:", child)
        check(pids <= {pid for _, pid in summaries(run.err)}, "its summary is missing:", run.err)
    return case


def threads(world):
    run = world.python("processes.py", "threads")
    check(run.status == 0, run.status, run.err)
    report = run.report()
    check(blocked(report) == row(report, "usleep").get("held", 0) > 0, row(report, "usleep"))


def vforks(state):
    def case(world):
        run = world.same([world.fake("vforks", "vforks.c"), state], wanted=0)
        report = check_made(run)
        check(len(run.records()) == 1 and ended(report) == ["exit"], "records:", run.records())
        check(row(report, "write") == {}, "a child's calls were counted:", row(report, "write"))
        sites = [site for site in report["sites"] if site["call"] == "vfork"]
        check(bool(sites) == (state == "held"), "sites:", sites)
        check(all(site["at_most"] for site in sites), "not at most:", sites)
        # Nor where nobody asks for the call that made it.
        run = world.same([world.fake("vforks", "vforks.c"), state], wanted=0,
                         options="summary=none:calls=writev,write")
        report = run.report()
        check(sum(row(report, "writev").values()) == 1, "writev:", row(report, "writev"))
        check(row(report, "write") == row(report, "vfork") == {}, "write:", row(report, "write"))
        # Where somebody asks for clone, it is a wait for the child too.
        run = world.same([world.fake("vforks", "vforks.c"), state], wanted=0,
                         options="summary=none:calls=clone,writev")
        report = run.report()
        check(sum(row(report, "clone").values()) == sum(row(report, "writev").values()) == 1,
              report["functions"])
        check([site["class"] for site in report["sites"] if site["call"] == "clone"] ==
              ["wait"] * (state == "held"), report["sites"])
    return case


HELD = "import ctypes, os, signal, sys\nlibc = ctypes.PyDLL(None); libc.usleep(2000)\n"


def broken_pipe(default):
    """Nobody reads our standard error any more: the status stays what it was, even where SIGPIPE
    would kill."""
    def case(world):
        action = "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n" if default else ""
        text = ("import os, subprocess, sys\nr, w = os.pipe(); os.close(r)\n"
                "print(subprocess.run([sys.executable, '-c', %r], stderr=w, env=dict(os.environ, "
                "GILSHIM_STDERR='%%d:%%d' %% (os.fstat(w).st_dev, os.fstat(w).st_ino))).returncode)"
                % (HELD + action))
        for log in ("", "log=held"):
            run = world.python("-c", text, options=log)
            check(run.out == "0\n", log, "status", run.out, run.err)
    return case


def closed_stderr(world):
    run = world.run(["sh", "-c", "exec /usr/bin/python3 -c '%s' 2>&-" % (
        HELD + "f = os.open(\"file\", os.O_CREAT | os.O_RDWR); os.write(f, b\"words\"); print(f)")])
    check((run.status, run.out) == (0, "2\n"), "disturbed:", run.status, run.out, run.err)
    with open(os.path.join(run.work, "file")) as file:
        check(file.read() == "words", "our text is in the program's file")
    check(blocked(run.report()) == 1, "not judged")


def small_stack(world):
    """A handler that ends the process on an alternate stack: the summary is left out where there is
    no room for it."""
    library = world.library_of("altend.so", "altend.c")
    for what, status in (("e", 3), ("x", 0)):
        for room in (512, 2048, 1 << 17):
            text = HELD + "ctypes.CDLL('%s').altend(%d, %d)" % (library, ord(what), room)
            run = world.python("-c", text)
            check(run.status == status, what, room, "status", run.status, run.err)
            check(ended(run.report()) == ["_exit" if what == "e" else "exec"] or room < 4096,
                  what, room, ended(run.report()))
            check(blocked(run.report()) == 1, what, room, "not judged")
            check(len(summaries(run.err)) == (room > 4096), what, room, run.err)


def handler_forks(world):
    library = world.library_of("handlerforks.so", "handlerforks.c")
    text = "import ctypes\nprint(ctypes.PyDLL('%s').handlerforks(150))" % library
    for record in True, False:
        run = world.python("-c", text, record=record)
        check((run.status, run.out) == (0, "0\n"), "children died:", run.status, run.out, run.err)


def jumps(world):
    """Who left our bookkeeping for good is judged again all the same."""
    library = world.library_of("jumps.so", "jumps.c")
    text = "import ctypes\nlib = ctypes.PyDLL('%s')\nlib.jumps(%d)\nlib.naps(5)"
    for number in 0, 30:
        run = world.python("-c", text % (library, number))
        check(run.status == 0, "status", run.status, run.err)
        check(re.search(r"GIL001 5 of 5 calls blocked,[^\n]*\n +usleep < ", run.err), number,
              run.err)


TOSTOP = """
import os, pty, sys, termios
child, terminal = pty.fork()
if child == 0:
    mode = termios.tcgetattr(0)
    mode[3] |= termios.TOSTOP
    termios.tcsetattr(0, termios.TCSANOW, mode)
    background = os.fork()
    if background == 0:
        os.setpgid(0, 0)
        os.environ.pop("GILSHIM_STDERR", None)
        os.execv(sys.executable, [sys.executable, "-c", "import ctypes; "
                                  "ctypes.PyDLL(None).usleep(2000)"])
    _, status = os.waitpid(background, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(background, 9)
    os._exit(19 if os.WIFSTOPPED(status) else os.WEXITSTATUS(status))
said = b""
try:
    while part := os.read(terminal, 4096):
        said += part
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.count(b"1 finding"))
"""


def background(world):
    """A job in the background is not stopped for what we write to its terminal (stty tostop)."""
    run = world.python("-c", TOSTOP)
    check(run.out == "0 1\n", "said", run.out, run.err)


FAILED_EXECS = {
    "missing in PATH": "a = (ctypes.c_char_p * 2)(b'x', None)\n"
                       "print(libc.execvp(b'no-such-program', a))",
    "directory": "try: os.execv('/', ['x'])\nexcept OSError as e: print(e)",
}


def failed_exec(text):
    """It goes on: one summary, at the real end, and the record says how that was."""
    def case(world):
        bare = world.python("-c", HELD + text, bare=True)
        run = world.python("-c", HELD + text)
        check((run.status, run.out) == (bare.status, bare.out) == (0, bare.out), run.out, run.err)
        check(len(summaries(run.err)) == 1, "summaries:", run.err)
        check(ended(run.report()) == ["exit"], ended(run.report()))
        killed_later = world.python("-c", HELD + text + "\nos.kill(os.getpid(), 9)")
        check(killed_later.status == -9, killed_later.status)
        check(ended(killed_later.report()) == ["lost"], "killed:", ended(killed_later.report()))
    return case


# Arguments that only the kernel finds too long: the exec is tried, and comes back.
LONG = "long = b'x' * 200000\nenv = (ctypes.c_char_p * 2)(b'X=5', None)\n"
KERNEL_REFUSES = {
    "format": "open('file', 'w').write('words'); os.chmod('file', 0o755)\n"
              "try: os.execv('./file', ['x'])\nexcept OSError: ",
    "execv": "try: os.execv('/bin/true', ['x', long])\nexcept OSError: ",
    "execve": "try: os.execve('/bin/true', ['x', long], {})\nexcept OSError: ",
    "execl": "libc.execl(b'/bin/true', b'x', long, None)\n",
    "execlp": "libc.execlp(b'true', b'x', long, None)\n",
    "execle": "libc.execle(b'/bin/true', b'x', long, None, env)\n",
}
EXECUTES = {
    "execvp": "open('file', 'w').write('exit 5'); os.chmod('file', 0o755)\n"
              "libc.execvp(b'./file', (ctypes.c_char_p * 2)(b'file', None))",
    "execl": "libc.execl(b'/bin/sh', b'sh', b'-c', b'exit 5', None)",
    "execlp": "libc.execlp(b'sh', b'sh', b'-c', b'exit 5', None)",
    "execle": "libc.execle(b'/bin/sh', b'sh', b'-c', b'exit $X', None, env)",
}


def locks(world):
    """The process's locks on a file are gone when it closes it, as who else but itself might."""
    text = ("import fcntl, os, shutil, sys\nshutil.copy('/bin/cat', 'file')\n"
            "file = open('file', 'rb')\nos.set_inheritable(file.fileno(), True)\n"
            "fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
            "os.execv('file', ['file', '/proc/locks'])\n")
    for bare in True, False:
        run = world.python("-c", text, bare=bare)
        inode = os.stat(os.path.join(run.work, "file")).st_ino
        check(":%d " % inode in run.out, "bare" if bare else "preloaded", inode, run.out, run.err)


def killed_after_failed_exec(name):
    """No call in between says that the process went on: it was not replaced all the same."""
    def case(world):
        text = HELD + LONG + KERNEL_REFUSES[name] + "os.kill(os.getpid(), 9)"
        run = world.python("-c", text)
        check(run.status == -9, run.status, run.err)
        check(ended(run.report()) == ["lost"], ended(run.report()))
    return case


def executes(name):
    """The twin: an exec that succeeds, arguments and environment whole."""
    def case(world):
        run = world.python("-c", HELD + LONG + EXECUTES[name])
        check(run.status == 5, run.status, run.err)
        check(ended(run.report()) == ["exec"], ended(run.report()))
    return case


def changed_directory(world):
    """Relative paths are those of the place where the process tree began."""
    os_text = ("import os\nos.mkdir('sub'); os.chdir('sub')\npid = os.fork()\n"
               "if pid: os.waitpid(pid, 0)")
    run = world.python("-c", os_text, options="record=here:summary=sum.%p", record=False)
    check(run.status == 0, run.err)
    check(os.listdir(os.path.join(run.work, "sub")) == [], "files in sub:",
          os.listdir(os.path.join(run.work, "sub")))


def daemon(how):
    def case(world):
        for log in ("", "log=all"):
            run = world.python("daemon.py", how, options=log)
            check(run.status == 0, run.status, run.err)
            for i in range(4):
                with open(os.path.join(run.work, "file%d" % i)) as file:
                    text = file.read()
                check(text == "words of %d\n" % i, "file", i, "holds", text)
            names = sorted(os.listdir(run.work))
            check(names == ["file0", "file1", "file2", "file3"], "files", names)
            report = run.report()
            check(blocked(report) == 2, "usleep blocked:", blocked(report))
    return case


def killed(world):
    """SIGKILL in a held call: the record is whole and says what the process was in."""
    run = world.start([PYTHON, os.path.join(PROGRAMS, "processes.py"), "killed"])
    wait_for(lambda: "ready" in run.out)
    wait_for(lambda: in_progress(run) == [("nanosleep", "killed")])
    with open("/proc/%d/comm" % run.process.pid) as file:
        name = file.read().strip()
    check(ended(run.report()) == ["alive"], "ends:", ended(run.report()))
    run.process.send_signal(signal.SIGKILL)
    check(run.wait().status == -signal.SIGKILL, run.status)
    report = run.report()
    check(in_progress(run) == [("nanosleep", "killed")], "in progress:", in_progress(run))
    threads = [one["thread"] for site in report["sites"] for one in site.get("in_progress", ())]
    check(threads == [name], "threads", threads, "not", name)
    check(row(report, "nanosleep") == {"held": 1}, row(report, "nanosleep"))
    check(ended(report) == ["lost"] or ended(report) == ["signal"], "ends:", ended(report))
    check(run.err == "", "said:", run.err)


def in_progress(run):
    if not run.records():
        return None
    return [(site["call"], site["python"][0]["function"] if site["python"] else None)
            for site in run.report()["sites"] if site.get("in_progress")]


def late_destructor(world):
    """Another library's destructor runs after main and Python have ended: what it waits for counts,
    as released. Its twin, a library that does not wait, makes no call."""
    for wanted in (1, 0):
        library = world.library_of("late%d.so" % wanted, "late.c", "-DWAITS=%d" % wanted)
        run = world.python("-c", "import ctypes; ctypes.CDLL(%r)" % library,
                           options="log=all:log_to=%s" % library + ".%p.log")
        with open("%s.%d.log" % (library, run.process.pid)) as stream:
            found = [line.split("\t") for line in stream if "\tusleep\t" in line]
        check([(one[5], one[7]) for one in found] == [("released", "usleep")] * wanted, found)
        check(row(run.report(), "usleep") == ({"released": 1} if wanted else {}),
              row(run.report(), "usleep"))
        check(len(summaries(run.err)) == 1, run.err)


def subprocess_killed(world):
    """The parent of a child that is killed is undisturbed."""
    text = ("import subprocess, sys\n"
            "p = subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); "
            "time.sleep(3600)'], stdout=subprocess.PIPE)\n"
            "p.stdout.read(1); p.kill(); print(p.wait())")
    run = world.same([PYTHON, "-c", text], wanted=0)
    check(ended(run.report()) == ["exit", "lost"], ended(run.report()))


def cases():
    for name in ACTS:
        yield "life " + name, act(name)
    for method in ("fork", "spawn", "forkserver"):
        yield "life multiprocessing " + method, multiprocessing(method)
    for state in ("held", "released"):
        yield "life vfork " + state, vforks(state)
    yield "life broken pipe", broken_pipe(False)
    yield "life broken pipe, SIGPIPE kills", broken_pipe(True)
    yield "life closed standard error", closed_stderr
    yield "life small stack", small_stack
    yield "life background", background
    yield "life handler forks", handler_forks
    yield "life jumps", jumps
    yield "life locks", locks
    for name, text in FAILED_EXECS.items():
        yield "life failed exec: " + name, failed_exec(text)
    for name in KERNEL_REFUSES:
        yield "life killed after a failed " + name, killed_after_failed_exec(name)
    for name in EXECUTES:
        yield "life " + name, executes(name)
    yield "life relative paths", changed_directory
    for how in ("exit", "_exit", "exec"):
        yield "life daemon " + how, daemon(how)
    yield "life only executes", only_executes
    yield "life threads", threads
    yield "life killed", killed
    yield "life subprocess killed", subprocess_killed
    yield "life late destructor", late_destructor
