#!/usr/bin/python3
"""The formats of `gilshim report` for other tools, and the distributions of extensions, on real
programs: SARIF and JUnit against their published schemas and for what they say,
GitHub's commands as the runner decodes them; extensions of a wheel, of an editable install, of
Debian packages and of a Python that no package owns."""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import schema

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
parser.add_argument("--schemas", default="", help="directory of the published schemas")
options = parser.parse_args()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIB, COMMAND = os.path.abspath(options.lib), os.path.abspath(options.command)
WORK = tempfile.mkdtemp(prefix="gilshim-formats-")
# The one whose packages the Makefile installs; whoever runs this may have others.
PYTHON = "/usr/bin/python3"
results = {"passed": 0, "failed": 0, "skipped": 0}

PROGRAM = """import os, socket, time
from asker import guilty

def ask():
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        theirs.recv(1)
        time.sleep(0.03)
        theirs.send(b"!")
        os._exit(0)
    guilty.query(ours.fileno())
    os.wait()

ask()
"""


def check(name, good, detail=""):
    results["passed" if good else "failed"] += 1
    if not good:
        print("FAIL %s: %s" % (name, str(detail)[:1500]))


def skip(name, reason):
    results["skipped"] += 1
    print("skip %s: %s" % (name, reason))


def validate(form, text):
    wrong = schema.published_complaints(options.schemas, form, text)
    if wrong is None:
        skip(form, "its published schema is not there")
    else:
        check(form + ": its published schema", not wrong, wrong)


def record(name, *command, **environment):
    folder = "%s/records-%s" % (WORK, name)
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=60, cwd=WORK, env=dict(
                              os.environ, LD_PRELOAD=LIB, **environment,
                              GILSHIM_OPTIONS="summary=none:record=" + folder))
    check(name + ": the program runs", done.returncode == 0, done.stdout)
    return folder


def report(form, folder, cwd=None, workspace=""):
    done = subprocess.run([COMMAND, "report", "-f", form, folder], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=60, cwd=cwd,
                          env=dict(os.environ, GITHUB_WORKSPACE=workspace))
    check(form + ": status and standard error", done.returncode == 0 and not done.stderr,
          (done.returncode, done.stderr))
    return done.stdout


def check_sarif(folder, sites):
    text = report("sarif", folder, cwd=WORK)
    validate("sarif", text)
    log = json.loads(text)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    check("sarif: rules", [rule["id"] for rule in rules] == 
          ["GIL001", "GIL002", "GIL003", "GIL004"], rules)
    found = [(r["partialFingerprints"]["gilshimSite/v1"], r["ruleId"]) for r in run["results"]]
    check("sarif: every site with a rule", found == [(s["id"], s["rule"]) for s in sites], found)
    for result in run["results"]:
        check("sarif: rule and level", rules[result["ruleIndex"]]["id"] == result["ruleId"] and
              result["level"] == {"GIL001": "error", "GIL002": "note"}[result["ruleId"]], result)
    poll = next(r for r in run["results"] if r["properties"]["call"] == "poll")
    place = poll["locations"][0]["physicalLocation"]
    check("sarif: the line of Python", place == {
        "artifactLocation": {"uri": "a%20program.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 11}}, place)
    check("sarif: the root", run["originalUriBaseIds"]["%SRCROOT%"]["uri"] ==
          "file://%s/" % WORK, run["originalUriBaseIds"])
    steps = [s["location"]["message"]["text"] for s in
             poll["codeFlows"][0]["threadFlows"][0]["locations"]]
    check("sarif: from libc outwards", steps[:3] == ["poll", "ask", "query"] and
          steps[-2:] == ["ask", "<module>"], steps)


def check_workspace(folder):
    """GitHub counts paths from where it checked out, wherever in there the command runs."""
    inner = os.path.join(WORK, "in ner")
    os.makedirs(inner, exist_ok=True)
    os.symlink(WORK, inner + "/link")
    for cwd, workspace, path in (
            (WORK, "", "a program.py"), (inner, "", WORK + "/a program.py"),
            (inner, WORK, "a program.py"), (inner, WORK + "/", "a program.py"),
            (inner, inner + "/link", "a program.py"), (WORK, WORK, "a program.py"),
            (os.path.dirname(WORK), WORK, os.path.basename(WORK) + "/a program.py"),
            (WORK, inner, "a program.py"), (WORK, WORK[:-1], "a program.py"),
            (WORK, "/nowhere", "a program.py")):
        lines = report("github", folder, cwd=cwd, workspace=workspace).decode().splitlines()
        files = [re.search(r"file=([^,]*),", line) for line in lines]
        check("github: from %r in %r" % (cwd, workspace), path in
              [found[1] for found in files if found], lines)
    run = json.loads(report("sarif", folder, cwd=inner, workspace=WORK))["runs"][0]
    check("sarif: the root is the workspace", run["originalUriBaseIds"]["%SRCROOT%"]["uri"] ==
          "file://%s/" % WORK, run["originalUriBaseIds"])


def check_junit(folder, sites):
    text = report("junit", folder)
    validate("junit", text)
    suite = ElementTree.fromstring(text).find("testsuite")
    cases = suite.findall("testcase")
    check("junit: a case for each site", len(cases) == len(sites) == int(suite.get("tests")), cases)
    failed = [c for c in cases if c.find("failure") is not None]
    check("junit: failures", len(failed) == int(suite.get("failures")) ==
          sum(s["rule"] == "GIL001" for s in sites), failed)
    check("junit: names", ("guilty.so", "poll in ask") in
          [(c.get("classname"), c.get("name")) for c in failed], failed)


def check_github(folder, sites):
    lines = report("github", folder, cwd=WORK).decode().splitlines()
    pattern = r"::(error|notice) file=([^:,]+),line=(\d+),title=(GIL00[12]) [a-z-]+::(.+)"
    found = [re.fullmatch(pattern, line) for line in lines]
    check("github: a command for each site", len(lines) == len(sites) and all(found), lines)
    check("github: the blocked call", any(
        match and match.group(1, 2, 3, 4) == ("error", "a program.py", "11", "GIL001") and
        "%0Apoll < guilty.so" in match.group(5) for match in found), lines)


# ---- distributions ----

def build_extension(folder):
    include = subprocess.check_output(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], text=True)
    os.makedirs(folder + "/asker", exist_ok=True)
    open(folder + "/asker/__init__.py", "w", encoding="utf-8").close()
    subprocess.run(["cc", "-g", "-shared", "-fPIC", "-I" + include.strip(), "-o",
                    folder + "/asker/guilty.so", ROOT + "/pyscripts/demo.c"], check=True)


def make_wheel(folder):
    path = WORK + "/asker_of_things-1.2.3-py3-none-any.whl"
    info = "asker_of_things-1.2.3.dist-info/"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.write(folder + "/asker/__init__.py", "asker/__init__.py")
        wheel.write(folder + "/asker/guilty.so", "asker/guilty.so")
        wheel.writestr(info + "METADATA",
                       "Metadata-Version: 2.1\nName: asker-of-things\nVersion: 1.2.3\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: tests\n"
                       "Root-Is-Purelib: false\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "asker/__init__.py,,\nasker/guilty.so,,\n" +
                       "".join(info + n + ",,\n" for n in ("METADATA", "WHEEL", "RECORD")))
    return path


def pip(python, *arguments):
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
        env=dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1"))
    check("pip install " + " ".join(map(os.path.basename, arguments)), done.returncode == 0,
          done.stdout)


def make_venv(name):
    subprocess.run([PYTHON, "-m", "venv", "--system-site-packages", "--without-pip",
                    WORK + "/" + name], check=True)
    return WORK + "/%s/bin/python" % name


def owners(folder, start):
    sites = schema.read(report("json", folder))["sites"]
    found = [site["extension"] for site in sites if "extension" in site]
    return {(e.get("distribution"), e.get("version")) for e in found
            if e["object"].startswith(start)}


def expect_owner(name, folder, start, distribution, version):
    found = owners(folder, start)
    check(name, found == {(distribution, version)}, found)


def debian_version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def check_wheels(extension, program):
    wheel = make_wheel(extension)
    pip(PYTHON, "--target", WORK + "/a target", wheel)
    folder = record("target", PYTHON, program, PYTHONPATH=WORK + "/a target")
    expect_owner("wheel in a directory", folder, "guilty", "asker-of-things", "1.2.3")
    python = make_venv("venv")
    pip(python, wheel)
    expect_owner("wheel in a venv", record("venv", python, program), "guilty", "asker-of-things",
                 "1.2.3")
    return folder


def check_editable(extension, program):
    source = WORK + "/a source"
    shutil.copytree(extension, source)
    with open(source + "/setup.py", "w", encoding="utf-8") as file:
        file.write("from setuptools import setup\n"
                   "setup(name='asker-in-place', version='0.1', packages=['asker'])\n")
    python = make_venv("editable")
    pip(python, "--no-build-isolation", "--use-pep517", "-e", source)
    folder = record("editable", python, program)
    expect_owner("editable, its egg-info beside", folder, "guilty", "asker-in-place", "0.1")
    for path in glob.glob(source + "/*.egg-info"):
        shutil.rmtree(path)
    expect_owner("editable, by its URL", folder, "guilty", "asker-in-place", "0.1")
    python = make_venv("develop")
    pip(python, "--no-build-isolation", "--no-use-pep517", "-e", source)
    check("an old editable install has an egg-link",
          glob.glob(WORK + "/develop/lib/*/site-packages/*.egg-link"))
    expect_owner("editable, as setup.py develop", record("develop", python, program), "guilty",
                 "asker-in-place", "0.1")


def check_other_layouts(extension, program):
    """An environment of conda's, an egg, an egg's cache; a tree that nobody installed."""
    prefix = WORK + "/conda"
    shutil.copytree(extension, prefix + "/lib/python3.11/site-packages")
    os.mkdir(prefix + "/conda-meta")
    with open(prefix + "/conda-meta/asker-4.5-py311_0.json", "w", encoding="utf-8") as file:
        json.dump({"name": "asker", "version": "4.5",
                   "files": ["lib/python3.11/site-packages/asker/guilty.so"]}, file)
    expect_owner("conda", record("conda", PYTHON, program, PYTHONPATH=prefix +
                                 "/lib/python3.11/site-packages"), "guilty", "asker", "4.5")
    egg = WORK + "/asker-0.7-py3.11.egg"
    shutil.copytree(extension, egg)
    os.mkdir(egg + "/EGG-INFO")
    with open(egg + "/EGG-INFO/PKG-INFO", "w", encoding="utf-8") as file:
        file.write("Metadata-Version: 1.0\nName: asker\nVersion: 0.7\n")
    expect_owner("egg", record("egg", PYTHON, program, PYTHONPATH=egg), "guilty", "asker", "0.7")
    cache = WORK + "/Python-Eggs/asker-0.8-py3.11.egg-tmp"
    shutil.copytree(extension, cache)
    expect_owner("egg's cache", record("cache", PYTHON, program, PYTHONPATH=cache), "guilty", None,
                 None)
    expect_owner("no owner", record("bare", PYTHON, program, PYTHONPATH=extension), "guilty", None,
                 None)


def check_debian():
    held = ROOT + "/pyscripts/sleep_held.py"
    version = debian_version("libpython3.11-stdlib")
    if version:
        expect_owner("Debian's Python", record("stdlib", "/usr/bin/python3", held), "_ctypes",
                     "libpython3.11-stdlib", version)
    else:
        skip("Debian's Python", "no libpython3.11-stdlib")
    version = debian_version("python3-gdbm")
    if version:
        code = "import dbm.gnu; dbm.gnu.open('%s/x.gdbm', 'n').close()" % WORK
        expect_owner("a Debian package", record("gdbm", "/usr/bin/python3", "-c", code), "_gdbm",
                     "python3-gdbm", version)
        expect_owner("a Debian package, seen from a venv",
                     record("gdbm-venv", make_venv("system"), "-c", code), "_gdbm", "python3-gdbm",
                     version)
    else:
        skip("a Debian package", "no python3-gdbm")


def check_own_python():
    for python in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3"))):
        version = subprocess.check_output(
            [python, "-c", "import platform, sys; print(platform.python_version(), "
             "sys.implementation.name)"], text=True).split()
        if version[1] == "cpython":
            folder = record("own", python, ROOT + "/pyscripts/sleep_held.py")
            return expect_owner("a Python of its own", folder, "_ctypes", "cpython", version[0])
    return skip("a Python of its own", "none in ~/.pyenv/versions")


def check_clean():
    folder = record("clean", "/usr/bin/python3", ROOT + "/pyscripts/sleep_released.py")
    check("sarif: clean", json.loads(report("sarif", folder))["runs"][0]["results"] == [])
    cases = ElementTree.fromstring(report("junit", folder)).findall("testsuite/testcase")
    check("junit: clean is one case that passes", len(cases) == 1 and not list(cases[0]), cases)
    check("github: clean is silent", report("github", folder) == b"")


def main():
    extension, program = WORK + "/extension", WORK + "/a program.py"
    build_extension(extension)
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    folder = check_wheels(extension, program)
    sites = [site for site in schema.read(report("json", folder))["sites"] if "rule" in site]
    check_sarif(folder, sites)
    check_junit(folder, sites)
    check_github(folder, sites)
    check_workspace(folder)
    check_editable(extension, program)
    check_other_layouts(extension, program)
    check_debian()
    check_own_python()
    check_clean()


try:
    main()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % results)
sys.exit(results["failed"] > 0)
