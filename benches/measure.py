"""Runs a command and measures it: measure.py RESULT.json SECONDS COMMAND [ARGUMENT ...]

A process of its own, because a child is charged with the memory of the process that starts it. Writes exit code,
seconds, peak memory in MiB, and whether the time was over (SECONDS 0: no limit).
"""

import json
import resource
import subprocess
import sys
import time

result, limit, *command = sys.argv[1:]
begin = time.monotonic()
child = subprocess.Popen(command)
try:
    code, stopped = child.wait(timeout=float(limit) or None), False
except subprocess.TimeoutExpired:
    child.kill()
    code, stopped = child.wait(), True
seconds = time.monotonic() - begin
unit = 2**20 if sys.platform == "darwin" else 2**10
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // unit
with open(result, "w", encoding="utf-8") as file:
    json.dump({"code": code, "seconds": seconds, "peak_mib": peak, "stopped": stopped}, file)
