# ERR-9: A state of another dtype than the network's is refused.
# Compiled by inductor, a cell takes a state of float64 beside weights of float32.
# No upstream issue.
import torch

torch._dynamo.config.allow_rnn = True
cell = torch.nn.RNNCell(4, 7)
with torch.no_grad():
    compiled = torch.compile(lambda x, h: cell(x, h))
    try:
        h = compiled(torch.zeros(4), torch.zeros(7, dtype=torch.float64))
    except Exception as error:
        print(f"refused: {type(error).__name__}")
        raise SystemExit(False) from None
print(f"a state of float64 is accepted, h is {h.dtype}")
raise SystemExit(True)
