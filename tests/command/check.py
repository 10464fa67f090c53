#!/usr/bin/python3
"""`gilshim check` and `gilshim diff` end to end: records of real runs, every exit status with its
twin, suppressions, baselines, input that is none."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import schema

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = tempfile.TemporaryDirectory()
TMP = FOLDER.name
PYPY = shutil.which("pypy3")
passed = failed = skipped = 0


def expect(name, true, seen=None):
    global passed, failed
    if true:
        passed += 1
    else:
        failed += 1
        print("FAIL %s%s" % (name, "" if seen is None else ": %r" % (seen,)))


def record(name, script, python=sys.executable, times=1):
    folder = os.path.join(TMP, name)
    environment = dict(os.environ, LD_PRELOAD=os.path.abspath(options.lib),
                       GILSHIM_OPTIONS="record=%s:summary=none" % folder)
    for _ in range(times):
        subprocess.run([python, script], env=environment, check=True,
                       stderr=subprocess.DEVNULL)
    return folder


def write(name, text):
    path = os.path.join(TMP, name)
    with open(path, "wb") as stream:
        stream.write(text if isinstance(text, bytes) else text.encode())
    return path


def gilshim(*arguments):
    done = subprocess.run([options.command, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, errors="replace")
    return done.returncode, done.stdout, done.stderr


def check(name, status, *arguments, err=(), out=(), no_err=()):
    got, stdout, stderr = gilshim("check", *arguments)
    last = stderr.splitlines()[-1] if stderr else ""
    expect(name + ": status %d" % status, got == status, (got, stdout, stderr))
    expect(name + ": the last line says which",
           "status %d" % status in last or "--help" in last, stderr)
    for words in err:
        expect(name + ": says %r" % words, words in stderr, stderr)
    for words in out:
        expect(name + ": reports %r" % words, words in stdout, stdout)
    for words in no_err:
        expect(name + ": does not say %r" % words, words not in stderr, stderr)
    return stdout


def diff(name, status, *arguments, out=(), err=()):
    got, stdout, stderr = gilshim("diff", *arguments)
    expect(name + ": status %d" % status, got == status, (got, stdout, stderr))
    for words in out:
        expect(name + ": reports %r" % words, words in stdout, stdout)
    for words in err:
        expect(name + ": says %r" % words, words in stderr, stderr)


def script(name, text):
    os.makedirs(TMP + "/app", exist_ok=True)
    return write("app/" + name, text)


HELD_TEXT = open(ROOT + "/pyscripts/sleep_held.py", encoding="utf-8").read()
HELD = record("held", ROOT + "/pyscripts/sleep_held.py")
RELEASED = record("released", ROOT + "/pyscripts/sleep_released.py")
EMPTY = TMP + "/empty"
os.mkdir(EMPTY)


def statuses():
    check("held", 1, HELD, out=["fails:", "GIL001 23 of 23 calls blocked", "in nap"],
          err=["1 site fails"])
    check("released", 0, RELEASED, err=["clean", "calls judged"])
    check("both", 1, RELEASED, HELD)
    check("twice the same", 1, HELD, HELD, out=["23 of 23"])
    check("no record", 3, EMPTY, err=["there is no record"])
    check("no record beside one", 0, EMPTY, RELEASED)
    check("no such file", 2, TMP + "/nowhere", err=["No such file"])
    check("no such file beside findings", 2, TMP + "/nowhere", HELD, out=["GIL001"])
    check("no record file", 2, write("torn.gilshim", b"GILSHIM\0" + b"x" * 40), err=["torn.gilshim"])
    check("no argument", 2)
    check("unknown option", 2, "--strange", HELD)
    check("no place for the report", 2, "--output", TMP + "/nowhere/x", RELEASED)
    check("a full disk", 2, "--output=/dev/full", "--format=json", RELEASED, err=["not complete"])
    got, out, _ = gilshim("check", "--help")
    expect("help", got == 0 and "--fail-on" in out and "PROGRAM" in out, out)


def policy():
    check("longer than any", 0, "--min-blocked=10s", HELD,
          out=["GIL001", "no call blocked for as long as --min-blocked"])
    check("shorter than all", 1, "--min-blocked", "10us", HELD)
    check("another rule", 0, "--fail-on=GIL002", HELD, out=["not in --fail-on"])
    check("both rules", 1, "--fail-on=GIL002,GIL001", HELD)
    check("all origins", 1, "--origin=all", HELD)
    check("all origins, released", 0, "--origin=all", RELEASED)
    for option in ("--fail-on=GIL004", "--fail-on=", "--fail-on=GIL001,", "--origin=startup",
                   "--min-blocked=5", "--min-blocked=-1ms", "--format=xml"):
        check(option, 2, option, RELEASED, err=["there are" if "format" in option else "expected"])
    path = TMP + "/report.json"
    check("output", 1, "--format=json", "--output", path, HELD)
    report = schema.read(open(path, encoding="utf-8").read())
    expect("json", report["schema"] == "gilshim-report/1" and suppressions_of(report) == [],
           report["suppressions"])


def suppressions_of(report):
    """Without the built-in ones: on a busy machine CPython's own imports wait now and then."""
    return [use for use in report["suppressions"] if not use["origin"].startswith("builtin:")]


def held_site(text):
    return [site for site in schema.read(text)["sites"] if site["call"] == "usleep"][0]


def suppressions():
    rule = "call:usleep extension:_ctypes* function:nap python:*/sleep_held.py"
    hit = write("hit", "# known\n\n%s until:2999-12-31 # issue 12\n" % rule)
    check("hit", 0, "--suppressions", hit, "--strict-suppressions", HELD,
          out=["suppressed: 1 site, 23 calls by %s:3 (issue 12)" % hit], no_err=["unused"])
    out = check("hit, as JSON", 0, "--suppressions", hit, "--format=json", HELD)
    expect("suppressed_by", held_site(out).get("suppressed_by") == hit + ":3", held_site(out))
    uses = suppressions_of(schema.read(out))
    expect("suppressions", uses == [{"rule": "%s until:2999-12-31 # issue 12" % rule,
                                     "origin": hit + ":3", "hits": 1, "expired": False}], uses)
    shown = write("shown", "call:usleep extension:_ctypes.so # as the report shows it\n")
    check("hit as shown", 0, "--suppressions", shown, "--strict-suppressions", HELD,
          out=["23 calls by %s:1" % shown], no_err=["unused"])
    loud = write("loud", "call:usleep # red \x1b[31m\n")
    check("a reason for terminals", 0, "--suppressions", loud, HELD,
          out=["suppressed: 1 site, 23 calls by %s:1 (red ?[31m)\n" % loud])
    one_differs = write("one", rule.replace("nap", "nop") + " # no\n")
    check("one pair differs", 1, "--suppressions", one_differs, HELD, err=[one_differs + ":1: unused"])
    check("several files", 0, "--suppressions", one_differs, "--suppressions", hit, HELD,
          err=[one_differs + ":1: unused"])
    check("unused", 0, "--suppressions", hit, RELEASED, err=[hit + ":3: unused"])
    check("unused, strict", 1, "--suppressions", hit, "--strict-suppressions", RELEASED,
          err=["1 suppression unused or expired"])
    check("unused, strict, nothing judged", 1, "--suppressions", hit, "--strict-suppressions", EMPTY)
    old = write("old", rule + " until:2020-02-29 # soon fixed\n")
    check("expired", 1, "--suppressions", old, HELD,
          err=["old:1: expired on 2020-02-29", "1 site fails"])
    check("expired, released", 0, "--suppressions", old, RELEASED, err=["expired on"])
    check("expired, strict", 1, "--suppressions", old, "--strict-suppressions", RELEASED)
    out = check("expired, as JSON", 1, "--suppressions", old, "--format=json", HELD)
    expect("expired in JSON", schema.read(out)["suppressions"][0]["expired"] and
           "suppressed_by" not in held_site(out), out)


def distribution():
    global skipped
    name = held_site(gilshim("check", "--format=json", HELD)[1])["extension"].get("distribution")
    if not name:
        skipped += 1
        return
    check("distribution", 0, "--suppressions", write("rules", "distribution:%s # x\n" % name), HELD)
    check("another distribution", 1, "--suppressions", write("rules", "distribution:%s-x # x\n" % name),
          HELD, err=["unused"])


BAD_RULES = [
    ("call:usleep\n", ":1: expected # and a reason"),
    ("call:usleep #\n", ":1: expected a reason behind #"),
    ("ok:1 # x\n", ":1: expected one of the keys"),
    ("# x\ncall:a # x\nusleep # x\n", ":3: expected key:glob"),
    ("call: # x\n", ":1: expected a glob"),
    ("call:a call:b # x\n", ":1: expected each key once"),
    ("until:2030-01-01 # x\n", ":1: expected a key:glob pair"),
    ("call:a until:2023-02-29 # x\n", ":1: expected a day"),
    ("call:a until:tomorrow # x\n", ":1: expected a day"),
    (b"call:a\0b # x\n", ":1: expected a line of text"),
    (b"\xff\xfe\x00\x01", ":1: expected"),
    ("call" * 100000, ":1: expected key:glob"),
]

BAD_REPORTS = [
    ("", ":1:0: "),
    ("{", ":1:"),
    ("[]", "found none"),
    ("42", "expected"),
    ('{"schema": "gilshim-report/2"}', 'found "gilshim-report/2"'),
    ('{"schema": "gilshim-report/1"}', "sites: expected a list"),
    ('{"schema": 1, "sites": []}', "found none"),
    ('{"schema": "gilshim-report/1", "sites": []}', "totals.calls: expected"),
    ("[" * 100000, "expected a report in JSON"),
    (b'{"schema": "\xff"}', "expected a report in JSON"),
]

GOOD = {"schema": "gilshim-report/1", "totals": {"held": {"calls": 1}, "released": {"calls": 1}}}
SITE = {"rule": "GIL001", "call": "usleep", "origin": "extension", "calls": 1, "blocked_ns": 1,
        "worst_ns": 1, "python": [{"file": "a", "function": "b"}]}


def bad_sites():
    for key, value in (("calls", -1), ("calls", 1.5), ("calls", None), ("rule", "GIL9"), ("call", 1),
                       ("python", {}), ("python", [1]), ("extension", []), ("origin", None),
                       ("python", [{"file": 1}]), ("extension", {"object": []}),
                       ("blocked_ns", "1")):
        yield json.dumps(dict(GOOD, sites=[SITE, dict(SITE, **{key: value})])), "sites[1]."
    for site in (1, None, [], "x"):
        yield json.dumps(dict(GOOD, sites=[site])), "sites[0]."
    yield json.dumps(dict(GOOD, sites=[dict(SITE, calls=2 ** 70)])), "too big"


def bad_input():
    for text, words in BAD_RULES:
        check("rules %.30r" % text, 2, "--suppressions", write("rules", text), RELEASED, err=[words])
    check("rules in a directory", 2, "--suppressions", TMP, RELEASED, err=["directory"])
    check("no rules", 2, "--suppressions", TMP + "/nowhere", RELEASED, err=["No such file"])
    for text, words in BAD_REPORTS + list(bad_sites()):
        path = write("bad.json", text)
        check("baseline %.200r" % text, 2, "--baseline", path, RELEASED, err=[path, words])
        diff("old %.200r" % text, 2, path, RELEASED, err=[path])
    check("baseline is a directory", 2, "--baseline", TMP, HELD, err=["directory"])
    check("no baseline", 2, "--baseline", TMP + "/nowhere", HELD, err=["No such file"])
    report = gilshim("check", "--format=json", HELD)[1]
    for end in range(0, len(report) - 3, max(1, len(report) // 23)):
        check("torn at %d" % end, 2, "--baseline", write("torn.json", report[:end]), HELD,
              err=["torn.json:"])


def baseline():
    first = record("first", script("app.py", HELD_TEXT))
    old = TMP + "/old.json"
    gilshim("check", "--format=json", "--output", old, first)
    check("the same", 0, "--baseline", old, first, out=["not worse than in the baseline"])
    head, body = HELD_TEXT.split("import ctypes", 1)
    again = record("moved", script("app.py", head + "\n" * 17 + "import ctypes" + body))
    check("lines moved", 0, "--baseline", old, again, out=["app.py:28 in nap"])
    diff("lines moved", 0, old, again, out=["0 new, 0 worse, 0 better, 0 gone"])
    slow = record("slow", script("app.py", HELD_TEXT.replace("usleep(1000)", "usleep(20000)")))
    check("worse", 1, "--baseline", old, slow, err=["new or worse"])
    with open(old, encoding="utf-8") as stream:
        text = stream.read()
    full = held_site(text)["extension"]["object"]
    for name, status in ((re.sub(r"\.cpython-3\d+", ".cpython-34", full), 0),
                         (full.replace("_ctypes", "_stypes"), 1)):
        other = write("other.json", text.replace(full, name))
        check("baseline of %s" % name, status, "--baseline", other, first)
        diff("a run of %s" % name, status, other, first)
    check("not much worse", 0, "--baseline", old, "--min-blocked=1s", slow)
    diff("worse", 1, first, slow, out=["worse  usleep < ", "0 new, 1 worse"])
    diff("better", 0, slow, old, out=["better usleep < ", "1 better, 0 gone"])
    other = record("other", script("app.py", HELD_TEXT.replace("nap", "doze")))
    check("new", 1, "--baseline", old, other, err=["new or worse"])
    diff("new", 1, old, other, out=["new    usleep", "gone   usleep", "1 new, 0 worse, 0 better, 1 gone"])
    clean = record("clean", script("app.py", HELD_TEXT.replace("PyDLL", "CDLL")))
    check("gone", 0, "--baseline", old, clean)
    diff("gone", 0, old, clean, out=["0 new, 0 worse, 0 better, 1 gone"])
    diff("appeared", 1, clean, first, out=["1 new"])
    check("what was suppressed is new", 1, "--baseline", suppressed_report(first), first)


NAPS = """import ctypes
libc = ctypes.PyDLL(None)
def nap(us):
    libc.usleep(us)
for _ in range(1000):
    nap(50)
nap(%d)
"""


def one_among_many():
    """A thousand short calls hide nothing in their mean."""
    short, long = (record("naps%d" % us, script("naps.py", NAPS % us)) for us in (50, 700000))
    old = TMP + "/naps.json"
    gilshim("check", "--format=json", "--output", old, short)
    check("one call among many", 1, "--baseline", old, long, err=["new or worse"])
    check("one call among many, the same", 0, "--baseline", old, short)
    check("one call among many, allowed", 0, "--baseline", old, "--min-blocked=100s", long)
    diff("one call among many", 1, short, long, out=["0 new, 1 worse", "(worst 70"])
    diff("one call among many, the other way", 0, long, old, out=["0 worse, 1 better"])


def report_of(**site):
    path = "one-%d.json" % len(os.listdir(TMP))
    return write(path, json.dumps(dict(GOOD, sites=[dict(SITE, call="dlopen", **site)])))


def moments():
    """CPython's own dlopen() waits for the disk for a moment in one run, in another not."""
    quiet = dict(blocked_ns=0, worst_ns=9, origin="interpreter")
    blocked = dict(origin="interpreter")
    old = write("quiet.json", json.dumps(dict(GOOD, sites=[
        {key: value for key, value in dict(SITE, call="dlopen", **quiet).items() if key != "rule"}])))
    for ns, worse in ((91000, 0), (999999, 0), (1000000, 1), (50000000, 1)):
        new = report_of(**dict(blocked, blocked_ns=ns, worst_ns=ns))
        diff("a moment of %d ns" % ns, worse, old, new, out=["0 new, %d worse" % worse])
        diff("a moment of %d ns less" % ns, 0, new, old, out=["0 worse, %d better" % worse])
    # What it waits for now is not a disk: that does not depend on time.
    diff("could wait now", 1, old, report_of(**dict(quiet, rule="GIL002")), out=["1 worse"])
    diff("waited now", 1, old, report_of(**{"blocked_ns": 91000, "worst_ns": 91000,
                                            "class": "wait"}), out=["1 worse"])


def suppressed_report(folder):
    path = TMP + "/suppressed.json"
    rules = write("rules", "call:usleep # for now\n")
    gilshim("check", "--suppressions", rules, "--format=json", "--output", path, folder)
    return path


def nothing():
    diff("no arguments", 2, err=["two runs"])
    diff("one argument", 2, HELD, err=["two runs"])
    diff("no record", 2, EMPTY, HELD)
    diff("no such run", 2, HELD, TMP + "/nowhere", err=["No such file"])
    diff("itself", 0, HELD, HELD)
    diff("nothing judged", 2, write("none.json", json.dumps({
        "schema": "gilshim-report/1", "sites": [],
        "totals": {"held": {"calls": 0}, "released": {"calls": 0}}})), HELD, err=["nothing was judged"])


def unknown():
    global skipped
    if not PYPY:
        skipped += 1
        return
    folder = record("pypy", script("wait.py", "import time\ntime.sleep(0.001)\n"), PYPY)
    check("unknown calls", 3, folder, err=["does not tell"])
    calls = sum(f["unknown"]["calls"] for f in schema.read(
        gilshim("report", "-f", "json", folder)[1])["functions"])
    check("unknown and judged", 0, folder, RELEASED,
          err=["clean", "; %d calls of 1 process unknown, not judged\n" % calls])
    twice = record("pypy", TMP + "/app/wait.py", PYPY)
    check("two unknown and judged", 0, twice, RELEASED, err=["calls of 2 processes unknown"])
    check("all judged", 0, RELEASED, no_err=["unknown"])
    check("unknown and findings", 1, folder, HELD)


def builtin():
    folder = record("fork", script("start.py", "import subprocess, grp\ngrp.getgrall()\n"
                                   "subprocess.run(['/bin/sleep', '0.01'])\n"))
    loud = ["--origin=all", "--fail-on=GIL001,GIL002", "--min-blocked=1ns"]
    check("built-in", 0, *loud, folder, out=["of CPython itself, by built-in rules"])
    check("no built-in", 1, *loud, "--no-builtin-suppressions", folder)
    check("not asked for", 0, "--no-builtin-suppressions", folder)
    out = check("built-in, as JSON", 0, *loud, "--format=json", folder)
    by = [site.get("suppressed_by") for site in schema.read(out)["sites"]]
    expect("builtin:names", "builtin:names" in by, by)


for part in (statuses, policy, suppressions, distribution, bad_input, baseline, one_among_many,
             moments, nothing, unknown, builtin):
    part()
FOLDER.cleanup()
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(failed > 0)
