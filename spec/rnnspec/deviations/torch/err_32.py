# ERR-32: A packed LSTM refuses a c_0 with a layer too few.
# torch reads the state of a layer that there is not, and the process ends.
# https://github.com/pytorch/pytorch/issues/195803
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import pack_padded_sequence

rnn, packed = torch.nn.LSTM(4, 7, 2), pack_padded_sequence(torch.zeros(5, 3, 4), [5, 3, 1])
h_0, c_0 = torch.zeros(2, 3, 7), torch.zeros(1, 3, 7)
try:
    rnn(packed, (h_0, c_0))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0)
raise SystemExit("accepted")
"""
status = subprocess.run([sys.executable, "-c", BODY]).returncode
print(f"exit status {status}")
raise SystemExit(status != 0)
