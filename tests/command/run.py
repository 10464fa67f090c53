#!/usr/bin/python3
"""`gilshim run`: the program is run as if we were not there."""
import os
import shutil
import signal
import subprocess
import sys

from running import (COMMAND, PYTHON, Done, check, children, directories, environment, heads,
                     is_settled, main, on_terminal, python, run, start, state_of, wait_until)

# ---- status and streams ----

def statuses(_):
    for text, status in (("exit 0", 0), ("exit 41", 41), ("exit 255", 255),
                         ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -INT $$", 130)):
        check(run("sh", "-c", text).status == status, text, "is not", status)
    for text, status in (("raise SystemExit(7)", 7), ("import os; os._exit(8)", 8), ("1/0", 1),
                         ("import os; os.abort()", 134),
                         ("import os; os.kill(os.getpid(), 9)", 137)):
        done = python(text)
        check(done.status == status, text, "status", done.status, done.err)
        check(len(heads(done.err)) == 1, text, "said", done.err)


def not_executable(scratch):
    plain = os.path.join(scratch, "plain")
    with open(plain, "w") as file:
        file.write("text")
    for name, status in (("no-such-program", 127), (os.path.join(scratch, "missing"), 127),
                         (plain, 126), (scratch, 126), ("", 127)):
        done = run(name)
        bare = subprocess.run(["env", name or "/nowhere/at/all"], stderr=subprocess.PIPE,
                              check=False)
        check(done.status == status == bare.returncode, name, "status", done.status, "env has",
              bare.returncode)
        check(done.err.count("\n") == 1 and name in done.err, "said", done.err)


def usage(_):
    for line in (["run"], ["run", "--"], ["run", "--what=ever", "true"],
                 ["run", "--blocked=soon", "true"], ["run", "--calls=nothing", "true"],
                 ["run", "--stacks=65", "true"], ["run", "-o", "/dev/null", "true"],
                 ["run", "-o", "/missing/directory", "true"]):
        done = subprocess.run([COMMAND] + line, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment(), check=False)
        check(done.returncode == 2 and done.stderr, line, "status", done.returncode, done.stderr)
    helps = subprocess.run([COMMAND, "run", "--help"], stdout=subprocess.PIPE, check=True).stdout
    for key in ("summary", "record", "log_to", "blocked", "children", "stacks"):
        check(b"--%s=" % key.encode() in helps, "--help lacks", key)
    done = subprocess.run([COMMAND, "run", PYTHON, "-c", "import sys; print(sys.argv)", "-o", "x"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                          check=False)
    check(done.stdout == b"['-c', '-o', 'x']\n", "the program's own options:", done.stdout)


def streams(_):
    data = bytes(range(256)) * 5000 + b"no newline"
    done = run("cat", data=data)
    check(done.bytes == data, "cat gave back", len(done.bytes), "of", len(data))
    done = python("import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer); "
                  "sys.stderr.write('mine\\n')", data=data)
    check(done.bytes == data, "Python gave back", len(done.bytes))
    check(done.err.startswith("mine\n"), "standard error", done.err)


def descriptors(scratch):
    """The program has the descriptors it would have, and is the only one that has them."""
    text = ("import os\nfor d in range(30):\n try: print(d, os.readlink('/proc/self/fd/%d' % d))\n"
            " except OSError: pass\n")
    out = [os.path.join(scratch, name) for name in ("bare", "ours")]
    for path, before in zip(out, (["env"], [COMMAND, "run"])):
        subprocess.run(["sh", "-c", 'exec 5<"$0" 1>"$1" 0<&- 2>/dev/null; shift 1; exec "$@"',
                        "/etc/passwd", path] + before + [PYTHON, "-c", text],
                       env=environment(), check=True)
    bare, ours = [open(path).read().replace(path, "OUT") for path in out]
    check(bare == ours, "descriptors", ours, "not", bare)
    process = start(PYTHON, "-c", "import os, time\nos.close(1)\nos.read(0, 1)")
    check(process.stdout.read() == b"", "output")  # ends although the program runs
    check(process.poll() is None, "it ended early")
    check(Done(process, b"x").status == 0, "status")


def inherited(_):
    """Signal mask, dispositions, directory, process group, nice value and limits are the same."""
    text = ("import os, resource\n"
            "print([l for l in open('/proc/self/status') if l[:3] == 'Sig' and l[:4] != 'SigQ'])\n"
            "print(os.getcwd(), os.getpgid(0), os.getsid(0), os.nice(0), os.umask(0))\n"
            "print([resource.getrlimit(n) for n in range(16)])\n")
    how = ("import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, "
           "[signal.SIGUSR2, signal.SIGCHLD])\n"
           "for n in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTSTP): "
           "signal.signal(n, signal.SIG_IGN)\nos.execvp(sys.argv[1], sys.argv[1:])\n")
    said = [subprocess.run([PYTHON, "-c", how] + before + [PYTHON, "-c", text],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/usr",
                           env=environment(), check=True).stdout
            for before in (["env"], [COMMAND, "run"])]
    check(said[0] == said[1], "inherited:", said[1], "not", said[0])


# ---- signals ----

WAITER = ("import os, signal, sys, time\n"
          "def got(n, frame):\n os.write(1, (signal.Signals(n).name + '\\n').encode())\n"
          " if n == signal.SIGTERM: sys.exit(5)\n"
          "for n in (1, 2, 3, 10, 12, 14, 15, 18): signal.signal(n, got)\n"
          "print(os.getpid(), flush=True)\n"
          "while True: time.sleep(0.05)\n")


def forwarded(_):
    process = start(PYTHON, "-c", WAITER)
    process.stdout.readline()
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGQUIT", "SIGALRM", "SIGCONT"):
        process.send_signal(getattr(signal, name))
        line = process.stdout.readline().decode().strip()
        check(line == name, "sent", name, "got", line)
    process.terminate()
    done = Done(process)
    check(done.status == 5 and done.out == "SIGTERM\n", "status", done.status, done.out)
    check(len(heads(done.err)) == 1, "said", done.err)
    process = start("sleep", "60")
    wait_until("sleep runs", lambda: children(process.pid))
    process.terminate()
    check(Done(process).status == 143, "killed by SIGTERM")


def own_group(_):
    """What the program sends to its own process group it gets once."""
    # Of a real-time signal each is kept, where two of another may become one.
    text = ("import os, signal\nn = signal.SIGRTMIN\nsignal.pthread_sigmask(0, {n})\n"
            "os.killpg(0, n)\nprint('sent', flush=True)\ninput()\ncount = 0\n"
            "while signal.sigtimedwait({n}, 0): count += 1\nprint(count)\n")
    process = start(PYTHON, "-c", text, start_new_session=True)
    check(process.stdout.readline() == b"sent\n", "not sent")
    wait_until("our copy is taken", lambda: is_settled(process.pid))
    done = Done(process, b"go\n")
    check(done.status == 0 and done.out == "1\n", done.status, done.out)


def stopped_by(process):
    """The signal that stopped it, once one has."""
    found = []

    def has_stopped():
        found[:] = [os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG)]
        return found[0]

    wait_until("it stops", has_stopped)
    return found[0].si_status


def stops(_):
    # Whose parent is of another session is an orphan and takes no stop from the terminal: a group
    # of its own has its parent, this program, in the same session.
    process = start(PYTHON, "-c", WAITER, preexec_fn=os.setpgrp)
    program = int(process.stdout.readline())
    for name in ("SIGSTOP", "SIGTSTP", "SIGTTIN"):
        os.kill(program, getattr(signal, name))
        signal_number = stopped_by(process)
        check(signal_number == getattr(signal, name), name, "stopped by", signal_number)
        check(state_of(program) == "T", "the program is", state_of(program))
        process.send_signal(signal.SIGCONT)
        check(process.stdout.readline() == b"SIGCONT\n", "not continued")
    process.terminate()
    check(Done(process).status == 5, "status")


def orphans(_):
    """In an orphaned group a stop from the terminal stops nobody, with us as without."""
    process = start(PYTHON, "-c", WAITER, start_new_session=True)
    program = int(process.stdout.readline())
    os.kill(program, signal.SIGTSTP)
    os.kill(program, signal.SIGUSR1)
    check(process.stdout.readline() == b"SIGUSR1\n", "the program stopped")
    os.kill(program, signal.SIGSTOP)
    check(stopped_by(process) == signal.SIGSTOP, "SIGSTOP stops all the same")
    process.send_signal(signal.SIGCONT)
    check(process.stdout.readline() == b"SIGCONT\n", "not continued")
    process.terminate()
    check(Done(process).status == 5, "status")


def killed(_):
    """Who kills us kills the program."""
    before = directories()
    process = start(PYTHON, "-c", WAITER)
    program = int(process.stdout.readline())
    process.kill()
    process.communicate()
    wait_until("the program is gone", lambda: state_of(program) in "gone Z")
    left = directories() - before
    check(len(left) == 1, "records:", left)
    shutil.rmtree(left.pop())


# ---- the terminal ----

def terminal(_):
    text = ("import os, sys\nprint([os.isatty(n) for n in (0, 1, 2)], "
            "os.tcgetpgrp(0) == os.getpgid(0))\nopen('/dev/tty').close()\n"
            "print('got', input('name? '))\n")
    status, said = on_terminal([COMMAND, "run", PYTHON, "-c", text], [(b"name? ", b"gil\n")])
    check(status == 0, "status", status, said)
    check("[True, True, True] True" in said and "got gil" in said, "terminal:", said)


def halted(pid):
    os.kill(pid, signal.SIGSTOP)
    return state_of(pid) == "T"


def resumed(pid):
    os.kill(pid, signal.SIGCONT)
    return True


def keyboard(_):
    """^C reaches the program once; what it makes of it decides."""
    # We stand still until the program has its own: another one could not be told from it. It waits
    # for the signal, because one that comes just before a sleep begins does not end the sleep.
    text = ("import signal\nsignal.pthread_sigmask(0, {2})\nprint('ready', flush=True)\n"
            "n = [signal.sigwait({2})]\nprint('again', flush=True)\ninput()\n"
            "n += signal.sigpending()\nprint('interrupts', len(n))\nraise SystemExit(9)\n")
    status, said = on_terminal([COMMAND, "run", PYTHON, "-c", text], [
        (b"ready", b"\x03", halted), (b"again", b"go\n", resumed, is_settled)])
    check(status == 9 and "interrupts 1\r\n" in said, status, said)
    check(len(heads(said)) == 1, "said", said)
    status, said = on_terminal([COMMAND, "run", "sh", "-c", "echo ready; exec sleep 60"],
                               [(b"ready", b"\x03")])
    check(status == 130, "status", status, said)


def job_control(_):
    """An interactive shell stops and continues it as a job."""
    program = ("import sys\nprint('rea' + 'dy', flush=True)\nl = sys.stdin.readline()\n"
               "print('got', l.strip())\nraise SystemExit(6)")
    line = "%s run %s -c \"%s\"\n" % (COMMAND, PYTHON, program.replace("\n", "\\n"))
    line = line.replace('-c "', "-c $'").replace("'rea' + 'dy'", "\"rea\" \"dy\"")
    line = line.replace("'got'", '"got"').replace('"\n', "'\n")
    status, said = on_terminal(
        ["bash", "--norc", "--noprofile", "-i"],
        [(b"PS ", line.encode()), (b"ready\r\n", b"\x1a"), (b"Stopped", b"fg\n"),
         (b"run ", b"hello\n"), (b"got hello", b""), (b"PS ", b"echo status $?; exit 3\n")],
        env={"PS1": "PS ", "HISTFILE": None})
    check(status == 3 and "status 6" in said and "got hello" in said, status, said)
    check(len(heads(said)) == 1, "said", said)


CASES = [("statuses", statuses), ("not executable", not_executable), ("usage", usage),
         ("streams", streams), ("descriptors", descriptors), ("inherited", inherited),
         ("forwarded", forwarded), ("own group", own_group), ("stops", stops),
         ("orphans", orphans), ("killed", killed),
         ("terminal", terminal), ("keyboard", keyboard), ("job control", job_control)]

sys.exit(main(CASES))
