"""Released calls in many threads at once: CPU ns for one call.

    threads.py CALL THREADS ...
"""
import json
import sys

import gsbench

CALLS = 400000
print(json.dumps({number: min(gsbench.threads(sys.argv[1], int(number), CALLS // int(number))
                              for _ in range(3)) / CALLS for number in sys.argv[2:]}))
