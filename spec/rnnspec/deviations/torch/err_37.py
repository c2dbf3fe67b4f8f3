# ERR-37: A batch size that is negative is refused with a state too, even as the only one.
# torch's LSTM takes memory for a negative number of rows, and the process ends.
# https://github.com/pytorch/pytorch/issues/78131
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import PackedSequence

packed, h = PackedSequence(torch.zeros(9, 4), torch.tensor([-1])), torch.zeros(1, 3, 7)
try:
    torch.nn.LSTM(4, 7)(packed, (h, h))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
