#!/usr/bin/python3
"""The reports of records made by hand, in every format, compared with what is kept here, byte for
byte: a change of the output is a difference that somebody must have meant (`make golden` renews
them). Each is validated against its schema: the one that we install, and the published ones of SARIF
and JUnit, which the Makefile fetches. Records of a real program are kept, too (`make golden-records`
makes them anew, which a changed format asks for); of their report, what depends on the machine that
reads them is not compared."""
import argparse
import difflib
import glob
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import schema

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--command", required=True)
parser.add_argument("--records", required=True, help="the program that makes the records")
parser.add_argument("--schemas", default="", help="directory of the published schemas")
parser.add_argument("--lib", default="", help="with --renew: the real records, too")
parser.add_argument("--renew", action="store_true", help="keep what comes out now")
options = parser.parse_args()
COMMAND = os.path.abspath(options.command)
FORMATS = {"text": "txt", "json": "json", "sarif": "sarif", "junit": "xml", "github": "github"}
# Nothing, or that the objects of these records are nowhere.
SAID = re.compile(r"(gilshim: /nowhere/\S+: No such file or directory;.*; functions in there are not "
                  r"named\n)?")
results = {"passed": 0, "failed": 0, "skipped": 0}


def check(name, good, detail=""):
    results["passed" if good else "failed"] += 1
    if not good:
        print("FAIL %s: %s" % (name, str(detail)[:3000]))


def skip(name, reason):
    results["skipped"] += 1
    print("skip %s: %s" % (name, reason))


def report(form, folder, work):
    done = subprocess.run([COMMAND, "report", "-f", form, folder], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, cwd=work,
                          env=dict(os.environ, GITHUB_WORKSPACE=""))
    check("%s of %s: status and standard error" % (form, os.path.basename(folder)),
          done.returncode == 0 and SAID.fullmatch(done.stderr.decode()),
          (done.returncode, done.stderr))
    # SARIF says where it was made.
    return done.stdout.decode().replace("file://%s/" % work, "file:///where/it/was/made/")


def compare(path, text):
    name = os.path.basename(path)
    if options.renew:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return
    try:
        with open(path, encoding="utf-8", newline="") as file:
            kept = file.read()
    except FileNotFoundError:
        kept = ""
    check(name, kept == text, "`make golden` renews it if this is meant\n" + "".join(
        difflib.unified_diff(kept.splitlines(True), text.splitlines(True), "kept", "now", n=1)))


# ---- schemas ----

def validate(form, name, text):
    if form == "json":
        wrong = schema.complaints(json.loads(text))
    elif form in ("sarif", "junit"):
        wrong = schema.published_complaints(options.schemas, form, text)
    else:
        return
    if wrong is None:
        skip(name, "its published schema is not there")
    else:
        check(name + ": its schema", not wrong, wrong)


# ---- real records ----

PROGRAM = "/tmp/gilshim-golden.py"


def record_anew(work):
    """Under a neutral name: it is in the records."""
    shutil.copy(HERE + "/real.py", PROGRAM)
    clean = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LD_PRELOAD": os.path.abspath(options.lib),
             "GILSHIM_OPTIONS": "summary=none:record=%s/anew" % work}
    subprocess.run(["/usr/bin/python3", PROGRAM], check=True, env=clean, cwd="/")
    os.unlink(PROGRAM)
    for path in glob.glob(HERE + "/real/*.xz"):
        os.unlink(path)
    for name in os.listdir(work + "/anew"):
        with open("%s/anew/%s" % (work, name), "rb") as file:
            packed = lzma.compress(file.read(), preset=9 | lzma.PRESET_EXTREME)
        with open("%s/real/%s.xz" % (HERE, name), "wb") as file:
            file.write(packed)


def unpack(folder):
    os.mkdir(folder)
    for path in sorted(glob.glob(HERE + "/real/*.xz")):
        name = os.path.basename(path)[:-len(".xz")]
        with open(os.path.join(folder, name), "wb") as file:
            file.write(lzma.open(path).read())
        end = int(name.split(".")[1], 16) + 2 * 10 ** 9  # when a killed process last wrote
        os.utime(os.path.join(folder, name), ns=(end, end))


def without_machine(text):
    """The report without what the objects and packages of this machine add to it."""
    made = json.loads(text)
    for site in made["sites"]:
        for part in [site, site.get("extension", {})] + site["native"]:
            for name in ("symbol", "distribution", "version", "id", "inlined"):
                part.pop(name, None)
        for frame in site["native"]:
            frame.pop("file", None)
            frame.pop("line", None)
        site["native"] = [frame for number, frame in enumerate(site["native"])
                          if frame not in site["native"][:number]]
    return json.dumps(made, indent=1) + "\n"


def check_real(work):
    if options.renew and options.lib:
        record_anew(work)
    unpack(work + "/real")
    reports = {}
    for form in FORMATS:
        done = subprocess.run([COMMAND, "report", "-f", form, work + "/real"], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check("%s of real records (if their format has changed: make golden-records)" % form,
              done.returncode == 0, done.stderr)
        reports[form] = done.stdout.decode()
        if done.returncode == 0 and not options.renew:
            validate(form, "real." + form, reports[form])
    compare(HERE + "/real.json", without_machine(reports["json"]))
    check("real: the call that never returned", any(
        site["call"] == "pause" and site.get("in_progress") and site["blocked_ns"] > 10 ** 9
        for site in json.loads(reports["json"])["sites"]))


def check_schemas_can_fail(reports):
    """A schema that takes everything proves nothing."""
    wrong = json.loads(reports["json"])
    check("a site without its calls", not schema.complaints(wrong))
    del wrong["sites"][0]["calls"]
    wrong["totals"]["held"]["ns"] = "5"
    wrong["processes"][0]["surprise"] = 1
    check("three faults are found", len(schema.complaints(wrong)) == 3, schema.complaints(wrong))
    for form, sound, faulty in ("sarif", '"level":"error"', '"level":"bad"'), \
            ("junit", 'tests="', 'surprise="'):
        found = schema.published_complaints(options.schemas, form,
                                            reports[form].replace(sound, faulty, 1))
        if found is not None:
            check(form + ": a fault is found", found)


def main():
    with tempfile.TemporaryDirectory() as work:
        work = os.path.realpath(work)
        subprocess.run([os.path.abspath(options.records), work + "/records"], check=True)
        scenarios = sorted(os.listdir(work + "/records"))
        for scenario in scenarios:
            reports = {}
            for form, end in FORMATS.items():
                name = "%s.%s" % (scenario, end)
                reports[form] = report(form, "%s/records/%s" % (work, scenario), work)
                compare(os.path.join(HERE, name), reports[form])
                if not options.renew:
                    validate(form, name, reports[form])
            if scenario == "full":
                check_schemas_can_fail(reports)
        check_real(work)
    kept = {name.rpartition(".")[0] for name in os.listdir(HERE)
            if name.rpartition(".")[2] in FORMATS.values()}
    check("no report without its record", kept == set(scenarios) | {"real"}, kept)


main()
print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % results)
sys.exit(results["failed"] > 0)
