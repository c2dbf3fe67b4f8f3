"""How rnnspec finds FusedGRU: `pytest --pyargs rnnspec --rnn acme`."""

import torch

from rnnspec.adapters.base import STACKED, Adapter
from rnnspec.adapters.crossing import TENSORS
from rnnspec.notation import BASIC

from . import FusedGRU


class Acme(Adapter):
    name = "acme"
    modes = ("GRU",)
    claims = BASIC | STACKED | {"grad"}
    covers = "direction"
    arrays = TENSORS  # it is torch's own autograd that goes through it

    def model(self, case, weights):
        module = FusedGRU(case.I, case.H)
        return module, {f"inner.{name.removesuffix('_l0')}": w for name, w in weights.items()}

    def run(self, model, x, state, lengths):
        module, weights = model
        h = x.new_zeros(x.shape[1], module.inner.hidden_size) if state is None else state[0][0]
        given = (x.transpose(0, 1), h)
        output = torch.func.functional_call(module, weights, given).transpose(0, 1)
        return output, (output[-1:],)
