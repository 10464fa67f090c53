"""Makes N held calls from N different lines, twice, and prints what they cost: every line is a site.

    sites.py N CALL
"""
import json
import sys

import gsbench

LINES = int(sys.argv[1])
module = compile("one()\n" * LINES, "lines.py", "exec")
one = gsbench.one
gsbench.taken(sys.argv[2])
result = {"lines": LINES}
for name in "first", "again":
    exec(module, {"one": one})
    ns, worst = gsbench.taken(sys.argv[2])
    result[name] = ns / LINES
    result[name + "_worst"] = worst
print(json.dumps(result))
