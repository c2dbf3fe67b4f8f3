# PRJ-5: A number given by position after bidirectional is no projection for RNN and GRU.
# torch takes it for a proj_size, which these two do not have; every call then fails. No upstream issue.
import torch

sizes = (4, 7, 1)
options = (True, False, 0.0, False)  # bias, batch_first, dropout, bidirectional
try:
    built = [torch.nn.RNN(*sizes, "tanh", *options, 3), torch.nn.GRU(*sizes, *options, 3)]
except Exception as error:  # refused, as it may be
    print(f"refused: {error}")
    raise SystemExit(False) from None
names = [name for module in built for name in module.state_dict()]
print(names)
raise SystemExit("weight_hr_l0" in names)
