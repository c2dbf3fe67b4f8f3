# ELM-1: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), with biases or without.
# The process dies of SIGSEGV. https://github.com/PaddlePaddle/Paddle/issues/70231
import subprocess
import sys

BODY = """\
import sys
import paddle

layer = getattr(paddle.nn, sys.argv[1])(4, 7, bias_ih_attr=False, bias_hh_attr=False)
output, _ = layer(paddle.ones([3, 5, 4]))
assert output.shape == [3, 5, 7]
"""
ends = {}
for kind in ("SimpleRNN", "GRU", "LSTM"):
    ran = subprocess.run([sys.executable, "-c", BODY, kind], capture_output=True)
    ends[kind] = ran.returncode
print(f"exit statuses {ends}")
raise SystemExit(any(ends.values()))
