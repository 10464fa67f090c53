"""More sites than the table holds: FUNCTIONS functions of distinct names make TIMES held
calls each.
"""
import ctypes
import sys

functions, times = int(sys.argv[1]), int(sys.argv[2])
call = ctypes.PyDLL(None).usleep
spaces = []
for i in range(functions):
    space = {"call": call}
    exec(compile("def function_%d():\n    call(0)\n" % i, "<made %d>" % (i % 7), "exec"), space)
    spaces.append(space["function_%d" % i])
for _ in range(times):
    for function in spaces:
        function()
print("made held usleep", functions * times)
