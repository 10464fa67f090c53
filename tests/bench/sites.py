"""Makes N held calls from N different lines, twice, and prints what they cost: every line is a site.

    sites.py N CALL
"""
import json
import sys

import gsbench

LINES, A_FUNCTION = int(sys.argv[1]), 20  # CPython's search for a line takes longer in longer functions
text = "".join("def f%d():\n%s" % (number, "    one()\n" * A_FUNCTION)
               for number in range(LINES // A_FUNCTION))
names = {"one": gsbench.one}
exec(compile(text, "lines.py", "exec"), names)
functions = [names["f%d" % number] for number in range(LINES // A_FUNCTION)]
gsbench.taken(sys.argv[2])
result = {"lines": LINES}
for name in "first", "again":
    for function in functions:
        function()
    ns, worst = gsbench.taken(sys.argv[2])
    result[name] = ns / LINES
    result[name + "_worst"] = worst
print(json.dumps(result))
