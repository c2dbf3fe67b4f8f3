# ERR-39: pad_packed_sequence refuses batch sizes that are negative.
# torch writes before the first row, and the process ends.
# https://github.com/pytorch/pytorch/issues/169213
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

packed = PackedSequence(torch.zeros(9, 4), torch.tensor([3, 3, -1, 4]))
try:
    print(pad_packed_sequence(packed))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
