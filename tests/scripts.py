#!/usr/bin/python3
"""Runs the programs of pyscripts/ under the library and holds its report against what each one's
docstring promises:

reported: RULE CALL N calls in FUNCTION
not reported: FUNCTION
computing: FUNCTION		kept the GIL from another thread outside of any call (GIL003)
not computing: FUNCTION
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

import schema

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build_demo(folder):
    include = subprocess.check_output(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], text=True)
    os.makedirs(folder, exist_ok=True)
    for name, flags in ("guilty", []), ("innocent", ["-DRELEASE"]):
        subprocess.run(["cc", "-shared", "-fPIC", "-I" + include.strip(), *flags, "-o",
                        "%s/%s.so" % (folder, name), ROOT + "/pyscripts/demo.c"], check=True)


def report(script, folder):
    environment = dict(os.environ, LD_PRELOAD=os.path.abspath(options.lib), PYTHONPATH=options.build,
                       GILSHIM_OPTIONS="record=%s:summary=%s/summary" % (folder, folder))
    environment.pop("GILSHIM_STDERR", None)
    done = subprocess.run([sys.executable, script], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    out = subprocess.check_output([options.command, "report", "-f", "json", folder], text=True)
    summary = open(folder + "/summary", encoding="utf-8").read()
    return done, schema.read(out), summary


def complaints(script):
    text = re.match(r'"""(.*?)"""', open(script, encoding="utf-8").read(), re.S).group(1)
    wanted = re.findall(r"^reported: (\S+) (\S+) (\d+) calls in (\S+)$", text, re.M)
    unwanted = re.findall(r"^not reported: (\S+)$", text, re.M)
    computing = re.findall(r"^(not )?computing: (\S+)$", text, re.M)
    if not wanted and not unwanted and not computing:
        yield "promises nothing"
    with tempfile.TemporaryDirectory() as folder:
        done, out, summary = report(script, folder)
    if done.returncode or done.stderr:
        yield "status %d, standard error %r" % (done.returncode, done.stderr)
    sites = [s for s in out["sites"] if s.get("python") and s["python"][0]["file"] == script]
    for rule, call, count, function in wanted:
        found = [s for s in sites if s.get("rule") == rule and s["call"] == call and
                 s["python"][0]["function"] == function]
        if sum(s["calls"] for s in found) != int(count):
            yield "%s %s in %s: %r" % (rule, call, function, found)
        if " in %s\n" % function not in summary or rule not in summary:
            yield "the summary does not name %s %s" % (rule, function)
    for no, function in computing:
        found = [s for s in out["stalls"] if s.get("rule") == "GIL003" and s["python"] and
                 s["python"][0]["file"] == script and s["python"][0]["function"] == function]
        if bool(found) == bool(no) or (" in %s\n" % function in summary) == bool(no):
            yield "%s computing: %r" % (function, found)
    for function in unwanted:
        found = [s for s in sites if s.get("rule") and s["python"][0]["function"] == function]
        if found or " in %s\n" % function in summary:
            yield "%s is reported: %r" % (function, found)


build_demo(options.build)
passed = failed = 0
for path in sorted(glob.glob(ROOT + "/pyscripts/*.py")):
    wrong = list(complaints(path))
    passed += not wrong
    failed += bool(wrong)
    for line in wrong:
        print("FAIL %s: %s" % (os.path.basename(path), line))
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed > 0)
