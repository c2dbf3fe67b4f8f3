# ERR-35: Where all lengths are equal too, a packed LSTM refuses states of fewer rows, h_0 and c_0 apart
# and together.
# torch reads and writes rows that there are not: garbage, or the process ends.
# https://github.com/pytorch/pytorch/issues/195803
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import pack_padded_sequence

packed = pack_padded_sequence(torch.zeros(5, 3, 4), [5, 5, 5])
h, c = torch.zeros(1, 2, 7), torch.zeros(1, 2, 7)  # 2 rows for 3 sequences
try:
    torch.nn.LSTM(4, 7)(packed, (h, c))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
