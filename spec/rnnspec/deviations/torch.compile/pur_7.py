# PUR-7: Writing into one result of unbatched input changes no other result, no input, state or weight.
# Compiled by inductor, h_n of a GRU is a view of the last step of output.
# No upstream issue.
import torch

torch._dynamo.config.allow_rnn = True
rnn = torch.nn.GRU(4, 7)
with torch.no_grad():
    output, h_n = torch.compile(lambda x: rnn(x))(torch.zeros(5, 4))
    output.fill_(7.0)
print(f"h_n after writing 7 into output: {h_n[0, 0].item():.4f}")
raise SystemExit(h_n[0, 0].item() == 7)
