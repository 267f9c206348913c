"""Run a command, and write seconds, seconds of CPU, megabytes at most and exit status to stderr.

A process of its own, because a new process counts the memory of the one that it was forked from.
"""

import json
import os
import sys
import time

begun = time.perf_counter()
pid = os.fork()
if pid == 0:
    os.dup2(1, 2)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - begun
code = os.waitstatus_to_exitcode(status)
json.dump([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code], sys.stderr)
