#!/usr/bin/python3
"""The guest tests: does a program behave under the library as it does without?

    guest.py --lib build/libgilshim.so --command build/gilshim [--build DIR] [--only SUBSTR]

Return values, errno, cancellation, signals, exceptions, longjmp, processes, full tables, options,
other libraries: each case runs child programs (programs/) bare and preloaded and compares, or reads
what the library reported of them. A case is printed when it fails or is skipped; the last line is
"N passed, N failed, N skipped". Exit status 1 if anything failed.
"""
import argparse
import concurrent.futures
import os
import sys
import time
import traceback

import frames
import life
import options
import strangers
import tables
import tree
from world import Skip, World, Wrong


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True, help="libgilshim.so")
    parser.add_argument("--command", required=True, help="gilshim")
    parser.add_argument("--build", default="build/guest", help="where to compile and run")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("--times", action="store_true", help="say how long each case took")
    chosen = parser.parse_args()
    for path in (chosen.lib, chosen.command):
        if not os.path.exists(path):
            parser.error("%s does not exist" % path)
    return chosen


def run_case(world, name, function, times):
    began = time.monotonic()
    try:
        function(world)
        word, detail = "passed", ""
    except Skip as skip:
        word, detail = "skipped", "SKIP %s: %s" % (name, skip)
    except Wrong as wrong:
        word, detail = "failed", "FAIL %s: %s" % (name, wrong)
    except Exception:
        word, detail = "failed", "FAIL %s: %s" % (name, traceback.format_exc())
    if detail or times:
        print(detail or "%6.2f s %s" % (time.monotonic() - began, name), flush=True)
    return word


def main():
    chosen = arguments()
    world = World(chosen.lib, chosen.command, chosen.build)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    cases = [case for module in (frames, tree, life, tables, options, strangers)
             for case in module.cases() if chosen.only in case[0]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for word in pool.map(lambda case: run_case(world, *case, chosen.times), cases):
            counts[word] += 1
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
