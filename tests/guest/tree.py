"""The processes of the tree that are no Python: silent, inert, no file left."""
import os
import signal

from world import HERE, PROGRAMS, PYTHON, check, executable, summaries

SOURCE = os.path.join(PROGRAMS, "plain.c")

# What ordinary commands do; each a shell text. Each also runs with its standard error captured.
COMMANDS = {
    "sh": "echo words; echo wrong >&2; false; echo $?",
    "bash": "bash -c 'set -e; trap \"echo trapped\" EXIT; x=$("
            "echo a | tr a b); echo $x; ls /missing'",
    "bash coprocess": "bash -c 'coproc cat; echo hello >&${COPROC[1]}; "
                      "read line <&${COPROC[0]}; echo $line'",
    "here document": "cat <<END | (read a; echo got $a)\nwords\nEND",
    "gcc": "gcc -O1 -Wall -c -o out.o %s && "
           "cmp out.o out.o && gcc -o program out.o && ./program" % SOURCE,
    "gcc fails": "echo 'int main(void) { return missing; }' > bad.c; gcc -c bad.c",
    "git": "git init -q . && git status && git -c user.name=a -c user.email=b commit --allow-empty "
           "-q -m one && git log --format=%s && git checkout missing",
    "ls": "ls -l %s /missing" % PROGRAMS,
    "sort": "sort -r %s | head -3; sort /missing" % SOURCE,
    "find": "find %s -name '*.c' | sort; find /missing" % HERE,
    "tar": "tar -cf a.tar -C %s programs && tar -tf a.tar | sort && mkdir x && "
           "tar -xf a.tar -C x && diff -r %s x/programs && echo same" % (HERE, PROGRAMS),
    "perl": "perl -e 'print join(q(,), map { $_ * 2 } 1..5), qq(\\n); warn q(careful); "
            "system(q(echo x)); sleep 0; my $p = fork; if (!$p) { exit 3 } "
            "wait; print $? >> 8, qq(\\n); exit 7'",
    "sed and awk": "seq 20 | sed -n '/5/p' | awk '{ s += $1 } END { print s }'; "
                   "awk 'BEGIN { print > \"/missing/x\" }'",
    "make": "printf 'all: a b\\n\\t@echo all\\na b:\\n\\t@echo $@; sleep 0\\nbad:\\n\\tfalse\\n' "
            "> Makefile; "
            "make -j2 -Otarget --no-print-directory a && make all && make bad",
    "env": "env -i A=b sh -c 'echo $A'; env missing-program",
    "timeout": "timeout 0.05 sleep 30; echo $?; timeout 5 false; echo $?; "
               "timeout -s KILL 0.05 sleep 30",
    "xargs": "seq 30 | xargs -n 7 -P 2 echo | sort",
    "signal": "sh -c 'kill -SEGV $$'; echo $?; sh -c 'kill -TERM $$'; echo $?",
    "dd": "dd if=/dev/zero bs=1000 count=3 status=none | wc -c; dd if=/missing",
    "mkfifo": "mkfifo f; (echo through > f) & cat f; wait",
}


def command(text):
    def case(world):
        first = text.split()[0]
        executable(first if first not in ("seq", "printf", "echo", "mkfifo") else "sh")
        for merged in (False, True):
            # Paths differ between the two runs only by their directory, which nothing prints.
            run = world.same(["sh", "-c", text], options="log=all", stderr_to_stdout=merged)
            check(not run.records(), "records of a tree without Python:", run.records())
    return case


def silent_options(world):
    """Nor does a process without Python say anything of bad options, or of a bad record."""
    for options in ("what=ever:blocked=x", "help=1", "log=all:top=-5", "record=/proc/nowhere"):
        world.same(["sh", "-c", "ls /; ls /missing; (exit 5)"], options=options, wanted=5)


def python_says(world):
    """The twin: a Python among the same commands is heard, and has the one record."""
    run = world.run(["sh", "-c", "ls / > /dev/null; %s -c pass; true" % PYTHON])
    check(run.status == 0, run.err)
    check(len(summaries(run.err)) == 1, "said:", run.err)
    check(len(run.records()) == 1, "records:", run.records())
    check([process["argv"][0] for process in run.report()["processes"]] == [PYTHON], "processes")


def captured(text, options=""):
    def case(world):
        world.same([PYTHON, "-c", "import subprocess, sys\n" + text],
                   options="summary=none" + options)
    return case


CAPTURED = {
    "missing program": "try: subprocess.run(['no-such-program'])\n"
                       "except FileNotFoundError as e: print(e)",
    "missing directory": "try: subprocess.run(['true'], cwd='/missing')\n"
                         "except FileNotFoundError as e: print(e)",
    "child": "print(subprocess.check_output([sys.executable, '-c', 'import sys; print(1); "
             "sys.stderr.write(\"two\\\\n\")'], stderr=subprocess.STDOUT))",
    "statuses": "import os, signal\n"
                "for text in ('raise SystemExit(3)', 'import os; os.abort()', "
                "'import os; os._exit(7)', '1/0', 'import os; os.kill(os.getpid(), 15)',"
                " 'import os; os.kill(os.getpid(), 9)',"
                " 'import ctypes; ctypes.string_at(0)'):\n"
                "    p = subprocess.run([sys.executable, '-c', text], capture_output=True)\n"
                "    print(p.returncode, p.stdout, p.stderr)",
    "shell": "print(subprocess.run('ls /missing; exit 4', shell=True, capture_output=True))",
    "pip": "p = subprocess.run([sys.executable, '-m', 'pip', 'list'], capture_output=True)\n"
           "print(p.returncode, p.stdout, p.stderr)",
    "pipeline": "a = subprocess.Popen(['seq', '5'], stdout=subprocess.PIPE)\n"
                "print(subprocess.run(['sort', '-r'], stdin=a.stdout, stdout=-1).stdout)\n"
                "print(a.wait())",
    "closefd": "import os\nos.closerange(3, 65536)\nf = [open('/dev/null') for i in range(20)]\n"
               "print([x.fileno() for x in f], subprocess.run(['true']).returncode)",
    "posix_spawn": "import os\np = os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 9'], os.environ)\n"
                   "print(os.waitpid(p, 0)[1])\n"
                   "try: os.posix_spawn('/missing', ['x'], {})\nexcept OSError as e: print(e)",
}


def captured_summary(world):
    """With the summary on: what a Python child says is captured stays what it was; ours does not
    get in; where the child shares our standard error, its own summary is there."""
    text = ("import subprocess, sys\n"
            "child = [sys.executable, '-c', 'import sys; sys.stderr.write(\"two\\\\n\")']\n"
            "print(subprocess.run(child, stderr=subprocess.PIPE).stderr)\n"
            "print(subprocess.check_output(child, stderr=subprocess.STDOUT))\n"
            "with open('log', 'wb') as log: subprocess.run(child, stderr=log)\n"
            "print(open('log').read())\n")
    bare = world.python("-c", text, bare=True)
    run = world.python("-c", text)
    check(run.out == bare.out, "captured", run.out, "not", bare.out)
    check(len(summaries(run.err)) == 1, "said:", run.err)
    check(len(run.records()) == 4, "records:", run.records())
    shared = world.python("-c", text + "subprocess.run(child)")
    check(len(summaries(shared.err)) == 2, "a child on our standard error said:", shared.err)


def statuses(world):
    for text, status in (("import os; os.abort()", -signal.SIGABRT), ("raise SystemExit(41)", 41),
                         ("import os; os._exit(42)", 42), ("1/0", 1),
                         ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
                           -signal.SIGTERM),
                         ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV)):
        run = world.same([PYTHON, "-c", text], wanted=status)
        check(len(run.records()) == 1, "records:", run.records())
        run.report()


def cases():
    for name, text in COMMANDS.items():
        yield "tree " + name, command(text)
    for name, text in CAPTURED.items():
        yield "captured " + name, captured(text)
    yield "tree options", silent_options
    yield "tree python", python_says
    yield "captured summary", captured_summary
    yield "statuses", statuses
