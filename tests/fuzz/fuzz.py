#!/usr/bin/python3
"""Fuzzing: what comes from outside (records, suppressions, baselines, options) never crashes us.

    fuzz.py --build build/fuzz [--seconds N] [--keep DIR] [--planted]

Each target runs over its seeds (corpus/, and records made in the format of the day) and what was
found before, then N seconds on mutations of them, under ASan and UBSan. With --planted the same is
done to targets with a bug on purpose, which must be found. The last line is
"N passed, N failed, 0 skipped"."""
import argparse
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = ("record", "lists", "options")
# A target that does not return is as bad as one that crashes. Records have many formats to pass.
LIMITS = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1"]


def make_corpus(build, target):
    corpus = os.path.join(build, "corpus", target)
    os.makedirs(corpus, exist_ok=True)
    given = os.path.join(HERE, "corpus", target)
    for name in os.listdir(given) if os.path.isdir(given) else ():
        shutil.copy(os.path.join(given, name), corpus)
    if target == "record":
        subprocess.run([os.path.join(build, "seeds"), corpus], check=True)
    return corpus


def fuzz(build, program, corpus, more):
    """Exit status, and what was said."""
    artifacts = os.path.join(build, "found", program) + "-"
    os.makedirs(os.path.dirname(artifacts), exist_ok=True)
    done = subprocess.run([os.path.join(build, program)] + LIMITS + more +
                          ["-artifact_prefix=" + artifacts] + corpus, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1"))
    return done.returncode, done.stdout.decode(errors="replace")


def clean(build, target, seconds):
    """No bug is found."""
    corpus = make_corpus(build, target)
    status, said = fuzz(build, target, [corpus], ["-max_total_time=%d" % seconds])
    runs = re.findall(r"number_of_executed_units: (\d+)", said)
    kept = len(os.listdir(corpus))
    if status or not runs or int(runs[-1]) < kept // 2:
        return "status %d\n%s" % (status, said[-4000:])
    covered = re.findall(r"cov: (\d+)", said)
    print("%s: %s runs, %d inputs kept, %s edges" %
          (target, runs[-1], kept, covered[-1] if covered else "?"))
    return ""


def planted(build, target, seconds):
    """The bug that was put in is found."""
    corpus, made = make_corpus(build, target), os.path.join(build, "corpus", target + "-planted")
    shutil.rmtree(made, ignore_errors=True)
    os.makedirs(made)
    seeds = [name for name in os.listdir(corpus) if not re.fullmatch("[0-9a-f]{40}", name)]
    for name in seeds:
        shutil.copy(os.path.join(corpus, name), made)
    status, said = fuzz(build, target + "-planted", [made], ["-max_total_time=%d" % seconds])
    if status == 0 or "deadly signal" not in said:
        return "a planted bug was not found in %d s: status %d\n%s" % (seconds, status, said[-600:])
    print("%s: the planted bug is found" % target)
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="where the targets are")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--planted", type=int, default=0, metavar="SECONDS",
                        help="look for the planted bugs too, at most so long for each")
    parser.add_argument("--only", default="", help="targets with this in their name")
    chosen = parser.parse_args()
    failed = passed = 0
    for target in TARGETS:
        if chosen.only not in target:
            continue
        acts = [lambda: clean(chosen.build, target, chosen.seconds)]
        if chosen.planted:
            acts.append(lambda: planted(chosen.build, target, chosen.planted))
        for act in acts:
            wrong = act()
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print("FAIL %s: %s" % (target, wrong))
            sys.stdout.flush()
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
