"""Calls that are left in other ways than by returning, signals, errors."""
import os
import subprocess
import time

from world import TIMEOUT, Wrong, check, check_made, row, schema

SIGNALLED = ("read", "readv", "poll", "select", "nanosleep", "clock_nanosleep", "pause", "sem_wait",
             "fcntl", "getaddrinfo")
BLOCKED = SIGNALLED + ("cond_wait", "fgetc", "fscanf")
CALLBACKS = ("cookie_fread", "cookie_fgets", "cookie_fwrite", "cookie_fscanf", "cookie_fprintf",
             "dlopen")
WAYS = {"cancel": BLOCKED, "pending": BLOCKED + ("write",) + CALLBACKS,
        "throw": SIGNALLED + CALLBACKS, "jump": SIGNALLED + CALLBACKS,
        "deep": SIGNALLED + CALLBACKS}


def left(way, act, state, timing=""):
    def case(world):
        program = world.fake("frames", "frames.cc", "acts.cc")
        library = world.library_of("leaver.so", "leaver.c")
        run = world.same([program, way, act, state, library], options="summary=none" + timing,
                         wanted=None if act == "getaddrinfo" else 0)
        report = check_made(run)
        progress = [site["call"] for site in report["sites"] if site.get("in_progress")]
        check(not progress, "still shown as in progress:", progress)
    return case


# Calls that the program also makes around what it tests.
AROUND = ("fcntl", "flock", "open", "pthread_join")


def points(state, timing):
    """Blocked in each call that can wait for ever: a cancellation, a signal, one with SA_RESTART."""
    def case(world):
        program = world.fake("points", "points.cc", "waits.cc")
        run = world.same([program, state], options="summary=none" + timing, wanted=0)
        report = run.report()
        names = {line.split(":")[0] for line in run.out.splitlines()}
        check(len(names) > 60, "names:", len(names))
        for name in names.difference(AROUND):
            check(set(row(report, name)) == {state}, name, "was", row(report, name))
    return case


def handler(state, size):
    def case(world):
        run = world.same([world.fake("signals", "signals.c"), "handler", state, size], wanted=0)
        report = check_made(run)
        sites = {site["call"]: site for site in report["sites"]}
        if state == "released":
            check("read" not in sites and "writev" not in sites, "a released call has a site")
            return
        read = sites["read"]
        check((read["calls"], read["blocked_calls"], read["slept"]) == (1, 1, 1), "read:", read)
        check(read["rule"] == "GIL001", "read is", read["rule"])
        if size == "minimum":  # no room for more than a count, and the report says so
            lost = report["totals"]["lost"]["sites"]
            check("writev" not in sites and lost >= 4, "lost:", lost, sites.get("writev"))
            return
        check(sum(sites["writev"]["histogram"]) == 4, "writev:", sites["writev"])
    return case


def storm(timing):
    def case(world):
        report = check_made(world.same([world.fake("storm", "storm.c")],
                                       options="summary=none" + timing, wanted=0))
        check(row(report, "writev").get("held", 0) > 0, "the handler's calls:",
              row(report, "writev"))
    return case


def shown(world):
    """The interrupted call is what a reader of the live record sees, during and after a handler."""
    run = world.start([world.fake("signals", "signals.c"), "shown", "0"], options="summary=none",
                      stdin=subprocess.PIPE)
    wait_for(lambda: "handled" in run.out)
    wait_for(lambda: progress_of(world, run) == {"read"})
    run.process.stdin.write(b"d")
    run.process.stdin.close()
    check(run.wait().status == 0, "status", run.status, run.out)
    check(progress_of(world, run) == set(), "in progress at the end:", progress_of(world, run))
    check_made(run)


def wait_for(condition):
    limit = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > limit:
            raise Wrong("waited in vain")
        time.sleep(0.01)


def progress_of(world, run):
    done = subprocess.run([world.command, "report", "-f", "json", run.records_directory],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        return None
    return {site["call"] for site in schema.read(done.stdout.decode())["sites"]
            if site.get("in_progress")}


def errors(state, timing):
    def case(world):
        program = world.fake("errors", "errors.c")
        bare = world.run([program, state], bare=True)
        shim = world.run([program, state], options="summary=none" + timing)
        check(bare.status == 0, "bare: status", bare.status, bare.err)
        check(shim.status == 0, "status", shim.status, shim.err)
        wanted, seen = bare.out.splitlines(), shim.out.splitlines()
        check(len(wanted) == len(seen) > 100, len(wanted), "lines bare,", len(seen))
        differ = [pair for pair in zip(wanted, seen) if pair[0] != pair[1]]
        check(not differ, "differ:", differ[:8])
        report = shim.report()
        counts = row(report, "recv")
        check(set(counts) == {state}, "recv was", counts)
    return case


def early(world):
    """Calls before the library's constructor, from constructors, .preinit_array and an IFUNC."""
    flags = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", "{0}"]
    world.compile("libearly.so", flags + ["-shared", "-fPIC", "-DLIBRARY", "early.c"])
    world.compile("libchosen.so", flags + ["-shared", "-fPIC", "-DIFUNC", "early.c"])
    program = world.compile("early", flags + [
        "early.c", "-L" + world.build, "-learly", "-lchosen", "-Wl,-rpath," + world.build])
    preinit = world.compile("preinit", flags + ["-DPREINIT", "early.c"])
    for argv, env in (([program], {}), ([preinit], {}), ([preinit], {"LD_BIND_NOW": "1"})):
        run = world.same(argv, options="", env=env, wanted=0)
        check(not run.records(), "a record of", argv)
    library = os.path.join(world.build, "libearly.so")
    run = world.same([world.fake("threads", "threads.c"), "4", "2", "65536"], after=[library])
    check_made(run)


def cases():
    for way, acts in WAYS.items():
        for act in acts:
            for state in ("held", "released"):
                yield "frames %s %s %s" % (way, act, state), left(way, act, state)
    for act in ("read", "fscanf", "dlopen", "cookie_fprintf"):
        for way in ("pending", "throw", "jump"):
            if act in WAYS[way]:
                yield ("frames %s %s released timing=all" % (way, act),
                       left(way, act, "released", ":timing=all"))
    for state in ("held", "released"):
        for size in ("0", "8192", "minimum"):
            yield "signals %s stack %s" % (state, size), handler(state, size)
        for timing in ("", ":timing=all"):
            yield "points %s%s" % (state, timing), points(state, timing)
        for timing in ("", ":timing=all", ":log=all:log_to=/dev/null"):
            yield "errors %s%s" % (state, timing), errors(state, timing)
    yield "signals shown", shown
    for timing in ("", ":timing=all"):
        yield "signals storm" + timing, storm(timing)
    yield "early calls", early
