# CEL-10: For an unbatched input a cell refuses an h of as many rows as units, with a c like it or of one row.
# torch takes the rows for gates: RNNCell returns one result for each, LSTMCell ends the process.
# https://github.com/pytorch/pytorch/issues/175978
import subprocess
import sys

BODY = """\
import torch

h = torch.zeros(3, 3)  # three units, and as many rows
try:
    torch.nn.LSTMCell(4, 3)(torch.zeros(4), (h, h))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
