# ERR-33: Where all lengths are equal too, a packed LSTM refuses data of another feature size.
# torch's LSTM in float32 reads its weights beyond their columns: garbage, or the process ends.
# https://github.com/pytorch/pytorch/issues/173946
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import pack_padded_sequence

packed = pack_padded_sequence(torch.zeros(5, 3, 6), [5, 5, 5])
try:
    torch.nn.LSTM(4, 7)(packed)
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
