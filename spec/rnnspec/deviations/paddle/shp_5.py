# SHP-5: A sequence of length 0 is refused.
# SimpleRNN dies of SIGSEGV, GRU and LSTM of SIGFPE. No upstream issue.
import subprocess
import sys

BODY = """\
import sys
import paddle

layer = getattr(paddle.nn, sys.argv[1])(4, 7)
try:
    layer(paddle.ones([3, 0, 4]))
except Exception as error:
    print("refused:", error)
"""
ends = {}
for kind in ("SimpleRNN", "GRU", "LSTM"):
    ran = subprocess.run([sys.executable, "-c", BODY, kind], capture_output=True)
    ends[kind] = ran.returncode
print(f"exit statuses {ends}")
raise SystemExit(any(ends.values()))
