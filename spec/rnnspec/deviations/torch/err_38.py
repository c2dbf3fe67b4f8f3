# ERR-38: pad_packed_sequence refuses no batch sizes at all, and those that increase or sum to too many rows.
# torch reads the first batch size where there is none, and the process ends.
# https://github.com/pytorch/pytorch/issues/78131
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

packed = PackedSequence(torch.zeros(9, 4), torch.tensor([], dtype=torch.int64))
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
