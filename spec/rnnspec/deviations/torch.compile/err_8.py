# ERR-8: Outside autocast an input of another dtype than the weights' is refused.
# Compiled by inductor, an Elman cell takes unbatched input of float64 beside weights of float32.
# No upstream issue.
import torch

torch._dynamo.config.allow_rnn = True
cell = torch.nn.RNNCell(4, 7)
with torch.no_grad():
    compiled = torch.compile(lambda x: cell(x))
    try:
        h = compiled(torch.zeros(4, dtype=torch.float64))
    except Exception as error:
        print(f"refused: {type(error).__name__}")
        raise SystemExit(False) from None
print(f"input of float64 is accepted, h is {h.dtype}")
raise SystemExit(True)
