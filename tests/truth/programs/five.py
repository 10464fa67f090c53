"""The five named calls and two with large-file forms: five.py MODULE ROUNDS RELEASED_ROUNDS.

Each combination of call, state and waiting has a Python function of its own, named
STATE_WAIT_CALL, so that sites can be told apart by name.
"""
import importlib
import os
import sys

sys.path.insert(0, os.environ["TRUTH_MODULES"])
MAY_BLOCK = ("read", "write", "recv", "nanosleep", "select")
NEVER_BLOCK = ("pread", "open")


def main():
    module, rounds, released_rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    call = importlib.import_module(module).call
    for name in MAY_BLOCK + NEVER_BLOCK:
        for blocked in (False, True) if name in MAY_BLOCK else (False,):
            for held in (True, False):
                function = "%s_%s_%s" % ("held" if held else "released",
                                         "blocked" if blocked else "ready", name)
                scope = {"call": call}
                exec("def %s():\n    call(%r, %r, %r)\n" % (function, name, held, blocked), scope)
                for _ in range(rounds if held else released_rounds):
                    scope[function]()


if __name__ == "__main__":
    main()
