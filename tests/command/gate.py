#!/usr/bin/python3
"""`gilshim check -- PROGRAM` as a project's CI has it: an extension that holds the GIL fails with its
line of Python, the same one mended passes; suppressions, baselines, every status and their order;
and what the log of such a job says, and what not."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIB, COMMAND = os.path.abspath(options.lib), os.path.abspath(options.command)
PYTHON = "/usr/bin/python3"
WORK = tempfile.mkdtemp(prefix="gilshim-gate-")
results = {"passed": 0, "failed": 0, "skipped": 0}

# A project: its program asks a slow server through the extension `client`.
PROGRAM = """import os, socket, sys, time
import client

def fetch(fd):
    return client.query(fd)

ours, theirs = socket.socketpair()
if os.fork() == 0:
    ours.close()
    while theirs.recv(1):
        time.sleep(float(sys.argv[1]))
        theirs.send(b"!")
    os._exit(0)
theirs.close()
for _ in range(3):
    fetch(ours.fileno())
ours.close()
os.wait()
print("fetched")
sys.exit(int(sys.argv[2]))
"""
LINE = PROGRAM.splitlines().index("    return client.query(fd)") + 1
KNOWN = "call:poll extension:client* function:fetch # the server is local\n"


def check(name, good, seen=""):
    results["passed" if good else "failed"] += 1
    if not good:
        print("FAIL %s: %s" % (name, str(seen)[:1500]))


def write(name, text):
    with open(os.path.join(WORK, name), "w", encoding="utf-8") as file:
        file.write(text)
    return name


def build_client(folder, *flags):
    include = subprocess.check_output(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], text=True)
    os.makedirs(os.path.join(WORK, folder))
    with open(ROOT + "/pyscripts/demo.c", encoding="utf-8") as file:
        source = re.sub(r"#define NAME \w+", "#define NAME client", file.read())
    write(folder + "/client.c", source)
    subprocess.run(["cc", "-O2", "-g", "-shared", "-fPIC", "-I" + include.strip(), *flags, "-o",
                    folder + "/client.so", folder + "/client.c"], cwd=WORK, check=True)


class Done:
    """One `gilshim check`; `path` has the extension."""

    def __init__(self, *arguments, path="held", **more):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
        environment.update(GILSHIM_LIBRARY=LIB, PYTHONPATH=os.path.join(WORK, path), LC_ALL="C")
        environment.update(more)
        done = subprocess.run([COMMAND, "check", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, cwd=WORK, check=False,
                              env=environment, timeout=120)
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.lines = self.err.splitlines()


def expect(name, done, status, *words, out="fetched\n"):
    """The status, what the last line says, what the program itself wrote and nothing else."""
    last = done.lines[-1] if done.lines else ""
    check("%s: status %d" % (name, status), done.status == status, (done.status, done.err))
    check(name + ": the last line says which",
          last.startswith("gilshim: check: status %d, " % status), done.err)
    for word in words:
        check("%s: the last line says %r" % (name, word), word in last, last)
    check(name + ": standard output is the program's", done.out == out, done.out)


def app(*before, wait="0.02", status="0", **how):
    # What else may wait for a moment on a busy machine does not fail.
    return Done("--min-blocked=10ms", *before, "--", PYTHON, "app.py", wait, status, **how)


# ---- as in CI ----

def held_fails():
    done = app("--format=github")
    expect("held", done, 1, "findings: 1 site fails")
    errors = [line for line in done.lines if line.startswith("::error ")]
    check("held: one error", len(errors) == 1, done.err)
    check("held: at the line of Python", errors and errors[0].startswith(
        "::error file=app.py,line=%d,title=GIL001 held-blocked::3 of 3 calls blocked" % LINE),
        errors)
    check("held: the chain", errors and re.search(
        r"%%0Apoll < client\.so!query < \S*app\.py:%d in fetch$" % LINE, errors[0]), errors)
    check("held: the others are remarks", len(done.lines) == 2 + sum(
        line.startswith("::notice ") for line in done.lines), done.err)
    done = app()
    expect("held, for people", done, 1)
    check("held: the report", done.lines[0] == "fails:" and "poll < client.so!query" in done.err and
          "app.py:%d in fetch" % LINE in done.err, done.err)
    check("held: said once", done.err.count("poll < client.so") == 1 and
          "What helps" not in done.err and "findings:" in done.lines[-1], done.err)


def mended_passes():
    done = app("--format=github", path="released")
    expect("mended", done, 0, "clean", "calls judged")
    check("mended: nothing but that line", len(done.lines) == 1, done.err)
    done = app(path="released")
    expect("mended, for people", done, 0)
    # On a busy machine an import of CPython's own waits now and then.
    check("mended: nothing else to read", all(
        "of CPython itself" in line for line in done.lines[:-1]), done.err)


def suppressed_passes():
    done = app("--suppressions=known")
    expect("suppressed", done, 0, "clean")
    check("suppressed: the hit is counted",
          "suppressed: 1 site, 3 calls by known:1 (the server is local)" in done.lines, done.err)
    done = app("--suppressions=known", "--format=github")
    check("suppressed: no annotation", done.status == 0 and not re.search(
        r"^::(error|warning)", done.err, re.M) and "poll" not in done.err, done.err)
    done = app("--suppressions=known", "--strict-suppressions", path="released")
    expect("the suppression is not needed any more", done, 1, "1 suppression unused")
    done = app("--suppressions=known", path="released")
    expect("nor strict about it", done, 0)
    check("unused is said", any("known:1: unused" in line for line in done.lines), done.err)


def formats():
    done = app("--suppressions=known", "--format=sarif", "--output=known.sarif")
    expect("SARIF", done, 0)
    with open(WORK + "/known.sarif", encoding="utf-8") as file:
        found = {r["properties"]["call"]: r for r in json.load(file)["runs"][0]["results"]}
    check("SARIF: suppressed", found["poll"]["suppressions"] == [{
        "kind": "external", "status": "accepted", "justification": "the server is local",
        "properties": {"origin": "known:1", "rule": KNOWN.strip()}}], found["poll"])
    check("SARIF: others are not", found["write"]["suppressions"] == [] and
          found["write"]["level"] == "note", found["write"])
    app("--format=sarif", "--output=new.sarif", "--fail-on=GIL002")
    with open(WORK + "/new.sarif", encoding="utf-8") as file:
        found = {r["properties"]["call"]: r for r in json.load(file)["runs"][0]["results"]}
    check("SARIF: levels are the policy's", (found["poll"]["level"], found["write"]["level"]) ==
          ("warning", "error"), found)
    for arguments, kind, failures in ((["--suppressions=known"], "skipped", 0), ([], "failure", 1)):
        app("--format=junit", "--output=report.xml", *arguments)
        suite = ElementTree.parse(WORK + "/report.xml").getroot().find("testsuite")
        case = [c for c in suite if c.get("name") == "poll in fetch"]
        check("JUnit: " + kind, len(case) == 1 and case[0].find(kind) is not None and
              int(suite.get("failures")) == failures, ElementTree.tostring(suite))
    done = app("--format=github", "--fail-on=GIL002")
    expect("levels", done, 1)
    check("GitHub: a warning and an error", re.search(r"(?m)^::warning .*GIL001", done.err) and
          re.search(r"(?m)^::error .*GIL002", done.err), done.err)
    for form in ("json", "sarif", "junit"):
        done = app("--format=" + form)
        check(form + " needs a file", done.status == 2 and "--output=FILE" in done.err and
              not done.out, done.err)


def baselines():
    # Long waits, of which a busy machine does not make twice as long ones.
    def again(*arguments, wait="0.2"):
        return app(*arguments, wait=wait)

    expect("as before", again("-o", "before"), 1)
    subprocess.run([COMMAND, "report", "-f", "json", "-o", "base.json", "before"], cwd=WORK,
                   check=True)
    done = again("--baseline=base.json", "--min-blocked=1s")
    expect("not worse than the baseline", done, 0)
    done = again("--baseline=base.json")
    expect("a baseline of the same", done, 0)
    check("what the baseline knows is reported", "not worse than in the baseline" in done.err,
          done.err)
    expect("worse", again("--baseline=base.json", wait="0.9"), 1, "new or worse than in the baseline")
    write("app.py", "# lines\n# move\n" + PROGRAM)
    expect("moved lines", again("--baseline=base.json"), 0)
    write("app.py", PROGRAM.replace("fetch(", "load("))
    expect("a new function", again("--baseline=base.json"), 1, "new or worse")
    write("app.py", PROGRAM)


def stalls():
    """A thread that has nothing to do with it waits meanwhile."""
    write("app.py", PROGRAM.replace("for _ in range(3)", """import threading
def tick():
    while True:
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
for _ in range(3)"""))
    few, many = ["--min-blocked=100s", "--max-stalled=20ms"], ["--min-blocked=100s",
                                                              "--max-stalled=100s"]
    done = app(*few, wait="0.05")
    expect("stalled", done, 1, "1 site fails")
    check("stalled: says so", "     fails: other threads waited longer than --max-stalled" in
          done.lines, done.err)
    expect("stalled, allowed", app(*many, wait="0.05"), 0)
    expect("not stalled", app(*few, wait="0.05", path="released"), 0)
    write("app.py", PROGRAM)


def nothing_judged():
    done = Done("--", "true")
    expect("no Python", done, 3, "no Python ran", out="")
    check("no Python: one line", len(done.lines) == 1, done.err)
    with open(WORK + "/static.c", "w", encoding="utf-8") as file:
        file.write('#include <unistd.h>\nint main(void) { return write(1, "ran\\n", 4) != 4; }\n')
    subprocess.run(["cc", "-static", "-o", "static", "static.c"], cwd=WORK, check=True)
    expect("a static program", Done("--", "./static"), 3, "nothing was judged", out="ran\n")
    expect("a Python that drops the library", Done(
        "--", "env", "-u", "LD_PRELOAD", PYTHON, "-c", "print(1)"), 3, out="1\n")
    expect("a Python that has it", Done("--", "env", PYTHON, "-c", "print(1)"), 0, out="1\n")


# The table of sites is full behind the 5,000 lines that read; the socket has data for all.
FULL = """import ctypes, socket
libc = ctypes.PyDLL(None)
ours, theirs = socket.socketpair()
ours.send(b"x" * 5000)
fd, buffer = theirs.fileno(), ctypes.create_string_buffer(1)
libc.usleep(%d)
""" + 5000 * "libc.read(fd, buffer, 1)\n"


def full_table():
    write("full.py", FULL % 0 + "libc.usleep(300000)\n")
    done = Done("--min-blocked=100ms", "-o", "full", "--", PYTHON, "full.py")
    expect("a lost call blocked", done, 2, "calls of usleep blocked with no site to check",
           "0 sites would fail", out="")
    check("a lost call blocked: how many were lost",
          any("held calls found the table of sites full" in line for line in done.lines), done.err)
    done = Done("--min-blocked=10s", "full")
    check("a lost call blocked, and would pass", done.status == 0, done.err)
    write("full.py", FULL % 0)
    done = Done("--min-blocked=100ms", "--", PYTHON, "full.py")
    expect("lost calls that came back", done, 0, "clean", out="")
    check("lost calls that came back: said", "held calls found the table" in done.err, done.err)
    write("full.py", FULL % 300000)
    done = Done("--min-blocked=100ms", "-o", "site", "--", PYTHON, "full.py")
    expect("a call with a site blocked", done, 1, "1 site fails", out="")
    write("full.py", FULL % 300000 + "libc.usleep(300000)\n")
    done = Done("--min-blocked=100ms", "-o", "both", "--", PYTHON, "full.py")
    expect("both blocked", done, 2, "usleep", "1 site would fail", out="")
    for records, harmless in (("site", True), ("both", False)):
        text = subprocess.run([COMMAND, "report", records], cwd=WORK, check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        head = " ".join(text.split("Most harmful")[0].split())
        check("%s: harmless" % records, ("harmless this time" in head) == harmless, head)
        check("%s: what the lost did" % records,
              ("lost: 1 call of usleep blocked" in text) != harmless, text[-900:])


# ---- statuses and their order ----

def order():
    expect("its own status", app(status="7", path="released"), 7, "the program's own",
           "no site fails")
    expect("findings before that", app(status="7"), 1, "1 site fails", "the program itself failed")
    done = app("--output=/dev/full", status="7")
    expect("trouble before both", done, 2, "1 site would fail", "the program itself failed")
    expect("its own before nothing judged", Done("--", "sh", "-c", "exit 9"), 9,
           "the program's own", "nothing was judged", out="")
    expect("killed", Done("--", "sh", "-c", "kill -TERM $$"), 143, "the program's own", out="")
    expect("its own status 1", Done("--", PYTHON, "-c", "raise SystemExit(1)"), 1,
           "the program's own", "no site fails", out="")
    expect("not found", Done("--", "no-such-program"), 127, "not run", out="")
    expect("not executable", Done("--", "./app.py"), 126, "not run", out="")
    junk = ("import os, re\nfolder = re.search(\"record='(.*?)'\", os.environ['GILSHIM_OPTIONS'])[1]\n"
            "open(folder + '/1.2.gilshim', 'w').write('junk')\n")
    done = Done("--", PYTHON, "-c", junk)
    expect("a record that is none", done, 2, "could not be read", out="")
    check("a record that is none: said once", done.err.count("1.2.gilshim") == 1, done.err)
    ran = "print('ran')"
    for bad in ("--suppressions=missing", "--baseline=missing", "--suppressions=app.py"):
        expect(bad + ": not even run", Done(bad, "--", PYTHON, "-c", ran), 2, "nothing was run",
               out="")


def usage():
    for arguments, word in ((["before", "--", "true"], "not both"), (["-o", "x", "before"], "-o x"),
                            (["--log=all", "before"], "log"), (["--"], "--help"), ([], "--help"),
                            (["--blocked=soon", "--", "true"], "blocked"),
                            (["--max-stalled=1", "--", "true"], "--max-stalled=1"),
                            (["--max-stalled=1"], "--max-stalled=1")):
        done = Done(*arguments)
        check("usage: %r" % arguments, done.status == 2 and word in done.err and not done.out,
              done.err)
    done = Done("--", PYTHON, "-c", "import sys; print(sys.argv)", "--", "-o", "x", "--format")
    expect("the program's own options", done, 0, out="['-c', '--', '-o', 'x', '--format']\n")


# ---- what goes along ----

def options_go_along():
    done = app("--log=held", "--log_to=" + WORK + "/log", "--calls=poll", "-o", "kept",
               "--fail-on=GIL001,GIL002")
    expect("options", done, 1, "1 site fails")
    with open(WORK + "/log", encoding="utf-8") as file:
        check("log=held and calls=poll", {line.split("\t")[7] for line in file} == {"poll"})
    again = Done("kept")
    check("-o: the records are kept", again.status == 1 and "3 of 3 calls blocked" in again.out,
          (again.out, again.err))
    done = app("--record=recorded", "--blocked=10s")
    check("--record keeps them too", os.listdir(WORK + "/recorded"), done.err)
    done = app("--summary=stderr")
    check("summaries where they are asked for", "What helps" in done.err, done.err)
    expect("summaries do not take the last line", done, 1)
    done = app("--output=report.txt")
    expect("the report in a file", done, 1)
    with open(WORK + "/report.txt", encoding="utf-8") as file:
        check("the report in a file: there", file.readline() == "fails:\n")
    check("the report in a file: not in the log", len(done.lines) == 1, done.err)
    done = app(GILSHIM_OPTIONS="summary=stderr:top=1")
    expect("the environment's options", done, 1)
    check("the environment's options too", "What helps" in done.err, done.err)


build_client("held")
build_client("released", "-DRELEASE")
write("app.py", PROGRAM)
write("known", KNOWN)
try:
    for part in (held_fails, mended_passes, suppressed_passes, formats, baselines, stalls,
                 nothing_judged, full_table, order, usage, options_go_along):
        part()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % results)
sys.exit(results["failed"] > 0)
