#!/usr/bin/python3
# apt: python3-pam
# PAM reads the configuration of a service.
import os
import subprocess

import PAM

from harness import late_fifo, measure, own_mounts

own_mounts()
subprocess.check_call(["mount", "-t", "tmpfs", "none", "/etc/pam.d"])
os.symlink(late_fifo(b"auth required pam_permit.so\n"), "/etc/pam.d/gilshim")
request = PAM.pam()


def call():
    request.start("gilshim", "nobody")  # <-- blocks


measure(call, "fopen", held=True, caller="libpam.so.0", via="PAM")
