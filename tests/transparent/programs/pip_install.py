"""pip: a virtual environment, a package with an extension from its source, and a use of it."""
import os
import subprocess
import sys

from common import say

HERE = os.path.join(os.getcwd(), "venv")
PYTHON = os.path.join(HERE, "bin", "python")


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    say(argv[1:], "status", done.returncode, "standard error:", done.stderr)
    return done.stdout


run(sys.executable, "-m", "venv", HERE)
run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir",
    "--no-binary=markupsafe", "markupsafe==3.0.2", "pyyaml==6.0.2")
say(run(PYTHON, "-m", "pip", "--disable-pip-version-check", "list", "--format=freeze"))
say(run(PYTHON, "-m", "pip", "--disable-pip-version-check", "check"))
say(run(PYTHON, "-c", "import markupsafe._speedups as m, yaml; print(m._escape_inner('<x>'), "
                      "yaml.load('[1, {a: b}]', yaml.CSafeLoader))"))
