"""Full tables: threads, sites, strings; thousands of threads; small stacks."""
from world import check, check_made, row, summaries


def threads(count, at_once, stack, lost):
    def case(world):
        program = world.fake("threads", "threads.c")
        run = world.run([program, str(count), str(at_once), str(stack)])
        check(run.status == 0, "status", run.status, run.out, run.err)
        report = check_made(run)
        counted = report["totals"]["lost"]["threads"]
        check(counted == 0 if not lost else counted >= lost, "lost threads:", counted)
        check(("lost:" in run.err) == bool(lost), "the summary says", run.err)
        check(len(summaries(run.err)) == 1, "the summary says", run.err)
    return case


def sites(functions, lost):
    def case(world):
        bare = world.python("sites.py", functions, 2, bare=True)
        run = world.python("sites.py", functions, 2)
        check((run.status, run.out) == (bare.status, bare.out) and run.status == 0, run.err[-300:])
        report = check_made(run)
        counted = report["totals"]["lost"]["sites"]
        check(counted == 0 if not lost else counted >= 2 * lost, "lost sites:", counted)
        check(("lost:" in run.err) == bool(lost), "the summary says", run.err[-800:])
        kept = [site for site in report["sites"] if site["call"] == "usleep"]
        check(all(site["calls"] == 2 for site in kept), "calls of the sites kept")
        check(sum(site["calls"] for site in kept) + counted >= functions * 2, "sites kept:",
              len(kept))
        names = {site["python"][0]["function"] for site in kept if site["python"]}
        check(lost or len(names) == functions, "names:", len(names))
    return case


def python_threads(world):
    """Real threads: 300 at once, 2,000 short ones."""
    text = ("import ctypes, threading, time\n"
            "call = ctypes.PyDLL(None).usleep\n"
            "gate = threading.Barrier(300)\n"
            "def long(): call(0); gate.wait(); time.sleep(0)\n"
            "threading.stack_size(65536)\n"
            "def run(act, n):\n"
            "    all = [threading.Thread(target=act) for _ in range(n)]\n"
            "    for t in all: t.start()\n"
            "    for t in all: t.join()\n"
            "run(long, 300)\n"
            "for i in range(100): run(lambda: call(0), 20)\n")
    run = world.python("-c", text)
    check(run.status == 0, run.status, run.err)
    report = run.report()
    check(row(report, "usleep") == {"held": 2300}, row(report, "usleep"))
    sleeps = sum(row(report, "clock_nanosleep").values()) + sum(row(report, "select").values())
    check(sleeps == 300, "time.sleep:", row(report, "clock_nanosleep"), row(report, "select"))


def cases():
    yield "tables 2000 short threads", threads(2000, 1, 65536, 0)
    yield "tables 2000 threads by 50", threads(2000, 50, 65536, 0)
    yield "tables 200 threads", threads(200, 200, 65536, 0)
    yield "tables 300 threads", threads(300, 300, 65536, 44)
    yield "tables 1500 threads", threads(1500, 500, 32768, 244)
    yield "tables 16 KiB stacks", threads(20, 10, 16384, 0)
    yield "tables 500 sites", sites(500, 0)
    yield "tables 5000 sites", sites(5000, 5000 - 4096)
    yield "tables python threads", python_threads
