"""Walks a part of the standard library's tree, and stats and reads its files."""
import os

import parts

TOP = os.path.dirname(os.__file__)


def walk(scale):
    left = int(20000 * scale)
    while left > 0:
        for base, _, files in os.walk(TOP):
            for name in files:
                path = os.path.join(base, name)
                if os.path.isfile(path) and path.endswith(".py"):
                    with open(path, "rb") as file:
                        file.read(4096)
                left -= 1
            if left <= 0:
                return


parts.run(walk)
