"""Options: what each does, what a bad one says, and that none disturbs the program."""
import os
import re
import shutil

from world import Skip, check, row, summaries

PROGRAM = "mixed.py"
LINE = re.compile(r"gilshim\t(\d+)\t(\d+)\t(\d+)\t(\d+)\t(held|released|none|unknown)\t(\S+)\t(\S+)"
                  r"\t([^\t]+)\t([^\t]+)\t([^\t]+)\n")


def mixed(world, options, *arguments, **how):
    """Runs the program; its output and status are those of the bare run."""
    bare = world.python(PROGRAM, *arguments, bare=True)
    run = world.python(PROGRAM, *arguments, options=options, **how)
    check((run.status, run.out) == (bare.status, bare.out), "disturbed:", run.status, run.out,
          run.err)
    check(run.status == 0, run.err)
    return run


def notices(run):
    """What the library said that is no summary."""
    return [line for line in run.err.splitlines()
            if line.startswith("gilshim: ") and not summaries(line)]


def bad(text, *words):
    def case(world):
        run = mixed(world, text)
        said = notices(run)
        check(len(said) == 1, "said:", run.err[:600])
        for word in words:
            check(word in said[0], word, "is not in", said[0])
        check(len(said[0]) < 200, "too long:", said[0])
        check(len(summaries(run.err)) == 1 and "GIL001" in run.err, "the summary:", run.err)
        check(row(run.report(), "nanosleep") == {"held": 2, "released": 3}, "default not kept")
    return case


BAD = {
    "unknown key": ("colour=red", "colour"), "bad time": ("blocked=soon", "blocked", "soon"),
    "bad number": ("top=many", "top", "many"), "negative": ("stacks=-1", "stacks"),
    "too large": ("stacks=65", "stacks"), "bad choice": ("log=sometimes", "log", "sometimes"),
    "no unit": ("blocked=12", "blocked"), "bad gil": ("gil=maybe", "gil"),
    "bad skip": ("skip=nothing_like_it", "nothing_like_it"),
}


def good_says_nothing(world):
    for text in ("blocked=2ms:top=5:stacks=3", "blocked='2ms' top=5", "timing=held"):
        check(not notices(mixed(world, text)), "said of", text)


def record_fails(directory, *words):
    def case(world):
        run = mixed(world, "record=" + directory, record=False)
        said = notices(run)
        check(len(said) == 1, "said:", run.err)
        for word in ("record",) + words:
            check(word in said[0], word, "is not in", said[0])
        check(len(summaries(run.err)) == 1 and "GIL001" in run.err, "the summary:", run.err)
    return case


def full_disk(world):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("a small tmpfs needs root and unshare")
    program = os.path.join(os.path.dirname(__file__), "programs", PROGRAM)
    text = ("mkdir small && mount -t tmpfs -o size=256k none small || exit 77; "
            "/usr/bin/python3 %s; status=$?; find small -size +0 -type f >&2; exit $status"
            % program)
    argv = ["unshare", "-m", "sh", "-c", text]
    bare = world.run(argv, bare=True)
    run = world.run(argv, options="record=small", record=False)
    if bare.status == 77:
        raise Skip("no mount")
    check((run.status, run.out) == (bare.status, bare.out), "disturbed:", run.status, run.out,
          run.err)
    said = notices(run)
    check(len(said) == 1 and "space" in said[0], "said:", run.err)
    check(".gilshim\n" not in run.err, "more than a name is left:", run.err)
    check(len(summaries(run.err)) == 1, "the summary:", run.err)


SHORT = """
import ctypes, os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (%d, resource.RLIM_INFINITY))
if os.fork() == 0:
    for _ in range(200):
        ctypes.PyDLL(None).usleep(1)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]), signal.sigpending())
"""


def short_files(world):
    """No SIGXFSZ is ours where files may not grow: not for a record, nor for what is written."""
    for limit in 8192, 1500:
        text = SHORT % limit
        bare = world.python("-c", text, bare=True)
        check(bare.out == "7 set()\n", bare.out, bare.err)
        for options in ("", "log=all:log_to=%p.log", "summary=%p.sum"):
            run = world.python("-c", text, options=options)
            check((run.status, run.out) == (0, bare.out), limit, options, run.status, run.out,
                  run.err)
            said = notices(run)
            check(any("ulimit -f" in line and "keeps no record" in line for line in said), said)


def unwritable(key):
    def case(world):
        run = mixed(world, "%s=/proc/nowhere/file%s" % (
            key, ":log=all" if key == "log_to" else ""))
        said = notices(run)
        check(len(said) == 1 and "/proc/nowhere/file" in said[0], "said:", run.err[:600])
        check(len(summaries(run.err)) == 1 and "GIL001" in run.err, "the summary:", run.err)
    return case


def calls(world):
    run = mixed(world, "calls=read,write,recv,nanosleep,select")
    report = run.report()
    seen = {entry["call"] for entry in report["functions"]}
    check(seen <= {"read", "write", "recv", "nanosleep", "select"}, "watched:", seen)
    check(row(report, "nanosleep") == {"held": 2, "released": 3}, row(report, "nanosleep"))
    check(row(report, "recv") == {"released": 1}, row(report, "recv"))
    check(row(report, "select") == {"released": 1}, row(report, "select"))
    check(row(report, "usleep") == {}, row(report, "usleep"))
    check("usleep" not in run.err and "nanosleep" in run.err, "summary:", run.err)
    group = mixed(world, "calls=sleeps").report()
    check({entry["group"] for entry in group["functions"]} == {"sleeps"}, "group:",
          group["functions"])


def skip(world):
    report = mixed(world, "skip=nanosleep,socket").report()
    groups = {entry["group"] for entry in report["functions"]}
    check(row(report, "nanosleep") == {} and "socket" not in groups, "not skipped:", groups)
    check(row(report, "usleep") == {"held": 1, "released": 1}, row(report, "usleep"))
    report = mixed(world, "calls=sleeps:skip=usleep").report()
    seen = {entry["call"] for entry in report["functions"]}
    check(seen <= {"nanosleep", "clock_nanosleep", "sleep"}, "calls and skip:", seen)


def unknown_calls(world):
    """What the line says holds instead does so."""
    run = mixed(world, "calls=nanoslep,reed")
    check([line.endswith("ignored, the default holds") for line in notices(run)] == [True] * 2,
          run.err)
    check(row(run.report(), "usleep") == {"held": 1, "released": 1}, "the default does not hold")
    run = mixed(world, "calls=nanoslep,usleep")
    check([line.endswith("ignored, the rest of the list holds") for line in notices(run)] == [True],
          run.err)
    check({entry["call"] for entry in run.report()["functions"]} == {"usleep"}, "the rest")


STARTS = ("import ctypes, subprocess\nsubprocess.run(['true'])\n"
          "ctypes.PyDLL(None).usleep(50000)\n")


def left_out(world):
    """A call that is seen at its entry only is not charged with what was not watched."""
    for options, timed in (("", True), ("calls=all", True), ("skip=usleep", False),
                           ("calls=vfork", False)):
        sites = world.python("-c", STARTS, options=options).report()["sites"]
        starts = [site for site in sites if site["call"] == "vfork"]
        check(len(starts) == 1 and starts[0]["calls"] == 1, options, sites)
        check((starts[0]["elapsed_ns"] > 0, starts[0]["rule"]) ==
              (timed, "GIL001" if timed else "GIL002"), options, starts)


def timing(world):
    for text, timed in (("timing=all", True), ("", False)):
        report = mixed(world, text).report()
        entry = [entry for entry in report["functions"] if entry["call"] == "nanosleep"][0]
        check(row(report, "nanosleep") == {"held": 2, "released": 3}, entry)
        check(("ns" in entry["released"]) == timed, text, entry)
        check(not timed or entry["released"]["ns"] >= 3 * 2000000, entry)
        check(not timed or entry["released"]["worst_ns"] >= 2000000, entry)
        check(entry["held"]["ns"] >= 2 * 2000000, entry)


def log(kind):
    def case(world):
        run = mixed(world, "log=%s:log_to=log.%%p" % kind)
        pid = run.report()["processes"][0]["pid"]
        with open(os.path.join(run.work, "log.%d" % pid)) as file:
            lines = file.readlines()
        parsed = [LINE.fullmatch(line) for line in lines]
        check(all(parsed), "format:", [line for line, match in zip(lines, parsed) if not match][:3])
        count = {}
        for match in parsed:
            check(int(match[1]) == pid, match[0])
            key = match[5], match[7]
            count[key] = count.get(key, 0) + 1
            if match[7] == "nanosleep":
                check(int(match[4]) >= 2000000, "duration:", match[0])
            if key == ("held", "nanosleep"):
                check(match[9].endswith(("mixed.py:15", "mixed.py:16")), match[0])
                check(match[10] == "held_calls", match[0])
        wanted = {"blocked": (2, 1, 0), "held": (2, 1, 0), "all": (2, 1, 3)}[kind]
        seen = tuple(count.get(key, 0) for key in (("held", "nanosleep"), ("held", "usleep"),
                                                   ("released", "nanosleep")))
        check(seen == wanted, "lines:", seen, "not", wanted)
        check(count.get(("held", "fsync"), 0) == (kind != "blocked"), "fsync:", count)
        check(count.get(("released", "recv"), 0) == (kind == "all"), "recv:", count)
        check("\t" not in run.err, "standard error:", run.err)
        # By default lines go to standard error.
        run = mixed(world, "log=%s:calls=nanosleep" % kind)
        found = [line for line in run.err.splitlines(True) if LINE.fullmatch(line)]
        check(len(found) == sum(wanted[::2]), "on standard error:", run.err)
    return case


def summary(world):
    run = mixed(world, "summary=sum.%p")
    names = os.listdir(run.work)
    pid = run.report()["processes"][0]["pid"]
    check(names == ["sum.%d" % pid] and run.err == "", "files", names, run.err)
    with open(os.path.join(run.work, names[0])) as file:
        check([one[1] for one in summaries(file.read())] == [pid], "summary")
    run = mixed(world, "summary=none")
    check(run.err == "" and not os.listdir(run.work), "summary=none:", run.err)


def top(world):
    for number, shown in (("0", 0), ("1", 1), ("20", 2)):
        run = mixed(world, "top=%s:calls=nanosleep,usleep" % number)
        found = len(re.findall(r"^ +\d+\. GIL00", run.err, re.MULTILINE))
        check(found >= shown if number == "20" else found == shown, "top", number, run.err)
        check("more" in run.err if number == "1" else True, "what is not shown:", run.err)


def stacks(world):
    for number in (0, 1, 64):
        report = mixed(world, "stacks=%d" % number).report()
        for site in report["sites"]:
            check(max(len(site["native"]), len(site["python"])) <= max(1, number),
                  "stacks", number, len(site["native"]), len(site["python"]))
        check(row(report, "nanosleep") == {"held": 2, "released": 3}, row(report, "nanosleep"))
        held = [site for site in report["sites"] if site["call"] == "nanosleep"]
        check(len(held) == 2 and all(site["rule"] == "GIL001" for site in held), "sites:", held)
        if number == 64:
            functions = [frame["function"] for frame in held[0]["python"]]
            check(functions == ["held_calls", "<module>"], "Python frames:", functions)
            check(len(held[0]["native"]) > 3, "native frames:", held[0]["native"])
        else:
            check(held[0]["python"] and held[0]["python"][0]["function"] == "held_calls",
                  "stacks", number, held[0]["python"])


def blocked(world):
    """A call that burns CPU for longer than `blocked` counts; below it does not. Sleeps always."""
    text = ("import ctypes, os\nfd = os.open('/dev/zero', os.O_RDONLY)\n"
            "room = ctypes.create_string_buffer(1 << 27)\n"
            "ctypes.PyDLL(None).read(fd, room, 1 << 27)")
    for option, rule in (("1us", "GIL001"), ("500s", None)):
        run = world.python("-c", text, options="calls=read:blocked=" + option)
        site = [site for site in run.report()["sites"] if site["call"] == "read"
                and site["origin"] == "extension"][0]
        # A sleep (a page fault may) counts always; a CPU taken away in between never does.
        check(site["slept"] or site.get("rule") in (rule, None), option, site)
    run = mixed(world, "blocked=500s")
    site = [site for site in run.report()["sites"] if site["call"] == "usleep"][0]
    check(site["rule"] == "GIL001" and site["slept"] == 1, "a sleep:", site)


def gil_check(world):
    report = mixed(world, "gil=check").report()
    for call, counts in (("nanosleep", {"held": 2, "released": 3}),
                         ("usleep", {"held": 1, "released": 1})):
        check(row(report, call) == counts, "gil=check:", call, row(report, call))


def children(world):
    program = ("import os, subprocess, sys\nimport ctypes\nctypes.PyDLL(None).usleep(2000)\n"
               "subprocess.run([sys.executable, '-c', 'import ctypes, os; "
               "ctypes.PyDLL(None).usleep(2000); print(os.environ.get(\"LD_PRELOAD\"))'])")
    run = world.python("-c", program, options="children=0")
    check(run.out == "None\n", "LD_PRELOAD of the child:", run.out)
    check(len(run.records()) == 1 and len(summaries(run.err)) == 1, "judged:", run.err)
    check(row(run.report(), "usleep") == {"held": 1}, "calls")
    run = world.python("-c", program, options="children=1")
    check(world.library in run.out, "LD_PRELOAD of the child:", run.out)
    check(len(run.records()) == 2 and len(summaries(run.err)) == 2, "judged:", run.err)
    other = world.library_of("counter.so", "counter.c", "-fno-optimize-sibling-calls")
    for before, after in (((other,), ()), ((), (other,))):
        run = world.python("-c", program, options="children=0", before=before, after=after)
        check(run.out == other + "\n", "LD_PRELOAD of the child:", run.out)


def helps(world):
    run = mixed(world, "help=1")
    for key in ("summary", "record", "log", "log_to", "blocked", "stall", "calls", "skip", "timing",
                "gil", "children", "top", "stacks"):
        check(re.search(r"^ +%s=" % key, run.err, re.MULTILINE), key, "is not in", run.err)
    check(len(summaries(run.err)) == 1, "summary:", run.err)


def cases():
    for name, words in BAD.items():
        yield "options bad: " + name, bad(*words)
    yield "options good", good_says_nothing
    yield "options record missing", record_fails("/proc/nowhere/records", "/proc/nowhere")
    yield "options record is a file", record_fails("/dev/null", "/dev/null")
    yield "options record on a full disk", full_disk
    yield "options unwritable log_to", unwritable("log_to")
    yield "options unwritable summary", unwritable("summary")
    for kind in ("blocked", "held", "all"):
        yield "options log=" + kind, log(kind)
    for function in (calls, skip, unknown_calls, left_out, short_files, timing, summary, top,
                     stacks, blocked, gil_check, children, helps):
        yield "options " + function.__name__, function
