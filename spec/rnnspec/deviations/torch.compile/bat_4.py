# BAT-4: A batch of size 0 gives an output of shape (T, 0, D·P) and states of shape (L·D, 0, ·).
# Compiled, the LSTM calls oneDNN's kernel in float32 for an empty batch too, which divides by it.
# No upstream issue.
import subprocess
import sys

BODY = """\
import torch

torch._dynamo.config.allow_rnn = True
rnn = torch.nn.LSTM(4, 7)
with torch.no_grad():
    output, _ = torch.compile(lambda x: rnn(x), backend="aot_eager")(torch.zeros(5, 0, 4))
raise SystemExit(tuple(output.shape) != (5, 0, 7))
"""
status = subprocess.run([sys.executable, "-W", "ignore", "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
