# ERR-4: A state of a wrong size is refused, size-1 axes included.
# A state c of size 1 is taken for every unit.
# No upstream issue.
import os
import shutil

os.environ.setdefault("DEV", "CPU" if shutil.which("clang") else "PYTHON")
from tinygrad import Tensor, nn

cell = nn.LSTMCell(4, 7)
try:
    h, c = cell(Tensor.ones(3, 4), (Tensor.zeros(3, 7), Tensor.zeros(3, 1)))
    h.realize(c)
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"a c of (3, 1) is accepted for 3 rows of 7 units: h of {h.shape}, c of {c.shape}")
raise SystemExit(True)
