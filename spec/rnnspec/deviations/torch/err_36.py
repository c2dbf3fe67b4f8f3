# ERR-36: Of packed input too a state of another rank than 3 is refused, h_0 and c_0 apart and together.
# torch's LSTM reads axes that are not there: garbage, or the process ends.
# https://github.com/pytorch/pytorch/issues/195803
import subprocess
import sys

BODY = """\
import torch
from torch.nn.utils.rnn import pack_padded_sequence

packed = pack_padded_sequence(torch.zeros(5, 3, 4), [5, 3, 1])
h, c = torch.zeros(1, 1, 3, 7), torch.zeros(1, 1, 3, 7)
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
