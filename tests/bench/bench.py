#!/usr/bin/python3
"""The bench: what the library costs, measured in one run, with and without it in turn.

    bench.py --lib build/libgilshim.so --command build/gilshim --build build/bench [--quick] [--only X]

Writes a table to DIR/bench.txt, as it is printed, and everything measured to DIR/bench.json.
Nothing is judged here: what must not grow is counted by instructions.py."""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import building
import measure
from alternatives import tools
from database import Database

HERE = building.HERE
PYTHON = "/usr/bin/python3"
PROGRAMS = HERE + "/programs/"
STATES = [call + ":" + state for state in ("released", "held", "stranger")
          for call in ("read", "poll", "mutex", "fwrite")] + ["gil:switch"]
MOMENT = 0.01  # the scale of a part of a whole program that is timed: 2 to 30 ms
PART = 0.05  # of one whose instructions are counted
TIMED_NAMES = ("read", "poll", "pthread_mutex_lock", "fwrite")


class Bench:
    def __init__(self, options):
        self.library, self.command = map(os.path.abspath, (options.lib, options.command))
        self.folder, self.quick = os.path.abspath(options.build), options.quick
        self.records = tempfile.mkdtemp(prefix="gilshim-bench-")
        self.table = open(self.folder + "/bench.txt", "w")
        self.floor = building.floor(self.folder, self.command)
        self.timed_floor = building.timed_floor(self.folder, TIMED_NAMES)
        self.modules = {i.name: building.module(self.folder, i) for i in self.interpreters()}

    @staticmethod
    def interpreters():
        """A static one and a shared one, of both procedures to find the GIL's holder."""
        found = [building.usable(minor) for minor in (11, 13)]
        return [interpreter for interpreter in found if interpreter]

    def say(self, text=""):
        print(text, flush=True)
        print(text, file=self.table, flush=True)

    def rounds(self, quick, full):
        return quick if self.quick else full

    def environment(self, variant, path=""):
        """What a variant of the library's options is, as an environment."""
        if variant == "bare":
            return building.environment(PYTHONPATH=path)
        if variant == "floor":
            return building.environment(self.floor, PYTHONPATH=path)
        if variant == "timed floor":
            return building.environment(self.timed_floor, PYTHONPATH=path)
        options = {"": "", "timing": "timing=all", "record": "record=" + self.records,
                   "off": "calls=nanosleep"}
        return building.environment(self.library, options[variant], PYTHONPATH=path)

    def python(self, variant, script, *arguments, interpreter=None):
        path = self.modules[interpreter.name] if interpreter else ""
        return measure.run_json([interpreter.executable if interpreter else PYTHON, script,
                                 *map(str, arguments)], self.environment(variant, path))


def nanoseconds(entry):
    low, high = entry["added_quartiles"]
    return "%9.1f %9.1f %+9.1f  (%+.1f to %+.1f)  least %+.1f" % (
        entry["bare"], entry["value"], entry["added"], low, high, entry["least_added"])


def machine(bench):
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo")
             if line.startswith("model name")]
    facts = {"processor": model[0] if model else platform.machine(), "processors": os.cpu_count(),
             "kernel": platform.release().split("-")[0], "libc": " ".join(platform.libc_ver()),
             "gcc": measure.run(["gcc", "-dumpfullversion"]).strip(),
             "gilshim": measure.run([bench.command, "--version"]).strip(),
             "load": os.getloadavg()[0], "quick": bench.quick,
             "pythons": ["%s%s" % (i.name, "" if is_static(i) else " (shared)")
                         for i in bench.interpreters()]}
    bench.say("%(processor)s, %(processors)d processors; Linux %(kernel)s, %(libc)s, gcc %(gcc)s; "
              "load at the start %(load).1f" % facts)
    bench.say("median of the paired rounds, in brackets the quartiles; of short times the difference "
              "of the least of each, too")
    return facts


def is_static(interpreter):
    out = subprocess.run(["ldd", interpreter.executable], stdout=subprocess.PIPE, text=True,
                         check=False).stdout
    return "libpython" not in out


def calls(bench):
    """One call, in every state, with every option that matters to it."""
    result = []
    variants = ("bare", "floor", "", "timed floor", "timing", "record", "off")
    if bench.quick:
        variants = variants[:5]
    names = {"floor": "the least possible", "": "gilshim",
             "timed floor": "the least possible that times", "timing": "timing=all",
             "record": "record=DIR", "off": "call not asked for"}
    for interpreter in bench.interpreters():
        series = measure.in_turn(
            {v: lambda v=v: bench.python(v, HERE + "/percall.py", "cpu", *STATES, interpreter=interpreter)
             for v in variants}, bench.rounds(2, 15))
        for variant in variants[1:]:
            bench.say("\none call, %s, %s: CPU ns bare, with it, added" % (
                interpreter.name, names[variant]))
            for what in STATES:
                if "floor" in variant and what == "gil:switch":
                    continue
                entry = measure.compare(series["bare"], series[variant], what)
                call, state = what.split(":")
                result.append(dict(entry, python=interpreter.name, variant=variant or "default",
                                   call=call, state=state))
                bench.say("  %-16s %s" % (what, nanoseconds(entry)))
    return result


def no_python(bench):
    """One call in a process that is not Python."""
    plain, n = building.plain(bench.folder), 200000
    result = []
    bench.say("\none call, a process that is not Python: CPU ns bare, with it, added")
    for call in "read", "poll", "mutex", "fwrite":
        def best(variant, call=call):
            return min(int(measure.run([plain, "time", call, str(n)], bench.environment(variant)))
                       for _ in range(3)) / n
        series = measure.in_turn({v: lambda v=v: best(v) for v in ("bare", "")}, bench.rounds(3, 11))
        entry = measure.compare(series["bare"], series[""])
        result.append(dict(entry, call=call))
        bench.say("  %-16s %s" % (call, nanoseconds(entry)))
    return result


def first_sight(bench):
    """Held calls at sites never seen, and at more sites than the table holds."""
    result = []
    for interpreter in bench.interpreters():
        for lines in 3000, 10000:
            series = measure.in_turn(
                {v: lambda v=v: bench.python(v, HERE + "/sites.py", lines, "read",
                                             interpreter=interpreter)
                 for v in ("bare", "", "record")}, bench.rounds(1, 7))
            for name in "first", "again":
                entry = measure.compare(series["bare"], series[""], name)
                result.append(dict(entry, python=interpreter.name, lines=lines, seen=name,
                                   worst=statistics.median(
                                       one[name + "_worst"] for one in series[""])))
                bench.say("%s%s, held read from %d lines, %s: CPU ns bare, with it, added\n  %-16s %s" % (
                    "\n" if name == "first" else "", interpreter.name, lines,
                    "first time" if name == "first" else "once more", "", nanoseconds(entry)))
        result[-1]["account"] = account(bench, interpreter)
    return result


def account(bench, interpreter):
    """With full tables: are all calls still accounted for?"""
    folder = tempfile.mkdtemp(dir=bench.records)
    measure.run([interpreter.executable, HERE + "/sites.py", "10000", "read"], building.environment(
        bench.library, "record=" + folder, PYTHONPATH=bench.modules[interpreter.name]))
    totals = json.loads(measure.run([bench.command, "report", "-f", "json", folder]))
    sites = sum(site["calls"] for site in totals["sites"])
    held, totals = totals["totals"]["held"], totals["totals"]
    fine = held["calls"] == sites + held["harmless"] + totals["lost"]["sites"]
    bench.say("  %d held calls = %d at sites + %d harmless + %d lost: %s" % (
        held["calls"], sites, held["harmless"], totals["lost"]["sites"], "yes" if fine else "NO"))
    return {"held": held["calls"], "sites": sites, "harmless": held["harmless"],
            "lost": totals["lost"]["sites"], "adds_up": fine}


def threads(bench):
    numbers = ["1", "2", "4", "8", "16", "32", "64"]
    result = []
    for interpreter in bench.interpreters():
        series = measure.in_turn(
            {v: lambda v=v: bench.python(v, HERE + "/threads.py", "read", *numbers,
                                         interpreter=interpreter)
             for v in ("bare", "")}, bench.rounds(3, 9))
        bench.say("\nreleased read, %s, by threads: CPU ns bare, with it, added" % interpreter.name)
        for number in numbers:
            entry = measure.compare(series["bare"], series[""], number)
            result.append(dict(entry, python=interpreter.name, threads=int(number)))
            bench.say("  %-16s %s" % (number, nanoseconds(entry)))
    return result


def starts(bench):
    result = []
    bench.say("\nstart to end: ms bare, with it, added")
    programs = {"true": ["/bin/true"], "python3 -c pass": [PYTHON, "-c", "pass"]}
    for interpreter in bench.interpreters()[1:]:
        programs[interpreter.name] = [interpreter.executable, "-c", "pass"]
    for name, command in programs.items():
        variants = ("bare", "") + (() if name == "true" else ("record",))
        series = measure.in_turn({v: lambda v=v: measure.timed(command, bench.environment(v))
                                  for v in variants}, bench.rounds(20, 200))
        for variant in variants[1:]:
            for clock in "wall", "cpu":
                entry = measure.compare(series["bare"], series[variant], clock)
                label = "%s%s, %s" % (name, ", record=DIR" if variant else "", clock)
                result.append(dict(entry, program=name, variant=variant or "default", clock=clock))
                bench.say("  %-36s %8.2f %8.2f %+8.2f  (%+.2f to %+.2f)  least %+.2f" % (
                    label, entry["bare"], entry["value"], entry["added"],
                    *entry["added_quartiles"], entry["least_added"]))
        shutil.rmtree(bench.records)
        os.mkdir(bench.records)
    return result


def memory(bench):
    result = []
    bench.say("\nresident memory of a Python with so many threads: KiB bare, with it, added")
    for number in 1, 100, 1000:
        series = measure.in_turn(
            {v: lambda v=v: bench.python(v, HERE + "/memory.py", number)["rss"]
             for v in ("bare", "", "record")}, bench.rounds(2, 7))
        for variant in "", "record":
            entry = measure.compare(series["bare"], series[variant])
            result.append(dict(entry, threads=number, variant=variant or "default"))
            bench.say("  %-16s %9d %9d %+9d" % ("%d%s" % (number, " record=DIR" if variant else ""),
                                                entry["bare"], entry["value"], entry["added"]))
    return result


class Server(measure.Program):
    """The threaded server, and a load generator in front of it."""

    def __init__(self, command, env):
        super().__init__(command, env)
        self.port = int(self.listen())

    def part(self, scale):
        cpu, requests = float(self.ask()), int(10000 * scale)
        out = measure.run(["ab", "-q", "-n", str(requests), "-c", "8",
                           "http://127.0.0.1:%d/" % self.port])
        facts = dict(line.split(":", 1) for line in out.splitlines() if ":" in line)
        if facts["Failed requests"].strip() != "0":
            raise measure.Failed("ab: failed requests")
        return {"seconds": requests / float(facts["Requests per second"].split()[0]),
                "cpu": float(self.ask()) - cpu}


def compare_program(bench, name, start, times, rounds):
    """start(variant): a measure.Program. So many times all are started, and do so many parts."""
    variants, result = ("bare", "floor", "", "timing", "record"), []
    try:
        series = measure.parts_in_turn({v: lambda v=v: start(v) for v in variants}, MOMENT,
                                       bench.rounds(2, times), bench.rounds(5, rounds))
    except measure.Failed as failed:
        bench.say("  %-48s %s" % (name, failed))
        return []
    for variant in variants[1:]:
        both = [measure.compare_parts(series["bare"], series[variant], key)
                for key in ("seconds", "cpu")]
        result.append({"program": name, "variant": variant or "default", "wall": both[0],
                       "cpu": both[1]})
        label = name + {"floor": ", the least possible", "": "", "timing": ", timing=all",
                        "record": ", record=DIR"}[variant]
        bench.say("  %-48s %6.1f %6.1f  x%.3f (%.3f to %.3f)  CPU x%.3f (%.3f to %.3f)" % (
            label, 1000 * both[0]["bare"], 1000 * both[0]["value"],
            *(figure for entry in both for figure in (entry["ratio"], *entry["ratio_interval"]))))
    return result


def each_program(bench, function):
    """function(name, start, alone) for each, a list, in one; start(env, *words): a measure.Program that
    `words` stand before; alone: it has one thread."""
    def program(name, *more, kind=measure.Program):
        return lambda env, *words: kind([*words, PYTHON, PROGRAMS + name, "-", *more], env)

    result = function("threaded HTTP server, ab -c 8", program("server.py", kind=Server), False)
    try:
        with Database() as database:
            result += function("psycopg2 loop", program("database.py", database.port), True)
    except measure.Failed as failed:
        bench.say("  %-48s %s" % ("psycopg2 loop", failed))
    for name, script in (("asyncio echo", "echo.py"), ("two threads fight for the GIL", "fight.py"),
                         ("walk of a file tree", "walk.py"), ("numpy", "compute.py")):
        result += function(name, program(script), script != "fight.py")
    return result


def whole_programs(bench):
    """Those of one thread stay on one processor, all variants on the same. Those of several differ more
    from one process to the next than from part to part: more processes, of fewer parts."""
    bench.say("\nwhole programs, by parts: ms bare, with it, ratio; ratio of CPU time; in brackets where "
              "the median lies with 95 % certainty")
    stay = ["taskset", "-c", measure.processors()[0]]

    def compare(name, start, alone):
        return compare_program(bench, name, lambda variant: start(
            bench.environment(variant), *(stay if alone else ())), *((16, 100) if alone else (96, 8)))

    return each_program(bench, compare)


def executed(bench):
    """Instructions of the same programs' own, without the kernel's: what no noise hides, and what it
    does not tell, which is how long each took."""
    folder = tempfile.mkdtemp(dir=bench.records)

    def count(start, variant):
        out = "%s/%s" % (folder, variant or "default")
        program = start(bench.environment(variant), "valgrind", "-q", "--tool=callgrind",
                        "--fair-sched=yes", "--instr-atstart=no", "--callgrind-out-file=" + out)

        def control(*words):
            measure.run(["callgrind_control", *words, str(program.child.pid)])

        try:
            program.part(PART)
            control("-i", "on")
            program.part(PART)
            control("-z")
            for _ in range(bench.rounds(1, 3)):
                program.part(PART)
            control("-d")
        finally:
            program.end()
        with open(out + ".1") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("summary:"))

    def compare(name, start, _):
        try:
            counts = {variant: count(start, variant) for variant in ("bare", "floor", "")}
        except measure.Failed as failed:
            bench.say("  %-48s %s" % (name, failed))
            return []
        ratios = {variant or "default": counts[variant] / counts["bare"] for variant in ("floor", "")}
        bench.say("  %-48s %8.1f  the least possible x%.4f, gilshim x%.4f" % (
            name, counts["bare"] / 1e6, ratios["floor"], ratios["default"]))
        return [dict(ratios, program=name, bare=counts["bare"])]

    bench.say("\nwhole programs, by callgrind: million instructions bare, ratios")
    return each_program(bench, compare)


def attempt(function):
    """(what it measured, None), or (None, the reason why it could not)."""
    try:
        return function(), None
    except measure.Failed as failed:
        return None, str(failed)


def others(bench):
    """The same calls and programs under other tools; every tool in the bare run's own round."""
    rounds = bench.rounds(1, 3)
    path = bench.modules[bench.interpreters()[0].name]
    scripts = {"calls": [HERE + "/percall.py", "wall", "read:released", "read:held"],
               "walk": [PROGRAMS + "walk.py", "0.2"], "asyncio echo": [PROGRAMS + "echo.py", "0.2"],
               "fight": [PROGRAMS + "fight.py", "0.2"]}
    if bench.quick:
        del scripts["asyncio echo"]
    chosen = tools(bench.folder, bench.library, bench.floor)

    def runs(words, rounds):
        """{tool's name: [(what it measured, why it could not) a round]}"""
        return measure.in_turn(
            {tool.name: lambda tool=tool: attempt(lambda: measure.run_json(
                tool.command(*words), tool.environment(path), 120)) for tool in chosen}, rounds)

    series = {name: runs(words, 4 * rounds if name == "calls" else rounds)
              for name, words in scripts.items()}
    result = []
    bench.say("\nother tools: ns for a released and a held read, the least; programs as a multiple of bare")
    for tool in chosen:
        entry = {"tool": tool.name, "tells": tool.tells, "sees": tool.sees, "programs": {},
                 "error": {}}
        for name, words in scripts.items():
            done, reasons = zip(*series[name][tool.name])
            if any(reasons):
                entry["error"][name] = next(filter(None, reasons))
            elif name == "calls":
                for what in words[2:]:
                    entry[what.split(":")[1]] = min(one[what] for one in done)
            else:
                entry["programs"][name] = statistics.median(
                    one["seconds"] / bare["seconds"]
                    for one, (bare, _) in zip(done, series[name]["bare"]))
        result.append(entry)
        figures = ["%10.0f" % entry[state] if state in entry else "%10s" % "-"
                   for state in ("released", "held")]
        ratios = ["%s x%.2f" % item for item in entry["programs"].items()]
        bench.say("  %-24s %s  %s" % (tool.name, " ".join(figures), ", ".join(ratios)))
        bench.say("      tells: " + tool.tells)
        for name, reason in entry["error"].items():
            bench.say("      %s: %s" % (name, reason))
    return result


def report(bench):
    """A report of 1,000 records: seconds and memory."""
    folder, number = tempfile.mkdtemp(dir=bench.records), 1000
    measure.run([PYTHON, PROGRAMS + "records.py", str(number)],
                building.environment(bench.library, "record=" + folder))
    result = {"records": len(os.listdir(folder)),
              "disk_kib": sum(os.stat(os.path.join(folder, name)).st_blocks
                              for name in os.listdir(folder)) // 2}
    for name in "text", "json":
        seconds, kib = [], 0
        for _ in range(3):
            begun = time.perf_counter()
            child = subprocess.Popen([bench.command, "report", "-f", name, folder],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = status
            if status:
                raise measure.Failed("report: status %d" % status)
            seconds.append(time.perf_counter() - begun)
            kib = max(kib, usage.ru_maxrss)
        result[name] = {"seconds": statistics.median(seconds), "kib": kib}
        bench.say("%sreport -f %s of %d records: %.2f s, %d MiB" % (
            "\n" if name == "text" else "", name, result["records"], result[name]["seconds"],
            kib // 1024))
    return result


SECTIONS = (calls, no_python, first_sight, threads, starts, memory, whole_programs, executed, others,
            report)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", default="", help="the sections with this in their name")
    options = parser.parse_args()
    os.makedirs(options.build, exist_ok=True)
    bench = Bench(options)
    result, begun = {}, time.monotonic()
    try:
        result["machine"] = machine(bench)
        for section in SECTIONS:
            if options.only in section.__name__:
                done, reason = attempt(lambda: section(bench))
                result[section.__name__] = done
                if reason:
                    bench.say("\n%s: %s" % (section.__name__.replace("_", " "), reason))
    finally:
        shutil.rmtree(bench.records, ignore_errors=True)
    bench.say("\nmeasured in %d s" % (time.monotonic() - begun))
    with open(bench.folder + "/bench.json", "w") as file:
        json.dump(result, file, indent=1)
    return 0 if all(value is not None for value in result.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
