# PRJ-5: A number given by position after bidirectional is no projection for RNN and GRU.
# torch takes it for a proj_size, which these two do not have; every call then fails. No upstream issue.
import torch

options = (True, False, 0.0, False)  # bias, batch_first, dropout, bidirectional
names = []
for mode, before in (("RNN", ("tanh",)), ("GRU", ())):
    try:
        names += getattr(torch.nn, mode)(4, 7, 1, *before, *options, 3).state_dict()
    except Exception as error:  # refused, as it may be
        print(f"{mode}: refused: {error}")
print(names)
raise SystemExit("weight_hr_l0" in names)
