# CEL-11: For an unbatched input an LSTMCell refuses one tensor (2, H, H) for h and c.
# torch takes it for the pair, and its rows for gates: garbage, or the process ends.
# https://github.com/pytorch/pytorch/issues/193823
import subprocess
import sys

BODY = """\
import torch

both = torch.zeros(2, 3, 3)
try:
    torch.nn.LSTMCell(4, 3)(torch.zeros(4), both)
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
