# ERR-24: A third tensor beside h_0 and c_0 is refused for unbatched input too.
# torch's LSTM and LSTMCell drop it in silence. No upstream issue.
import torch

taken = []
for network, x, h in (
    (torch.nn.LSTM(4, 7), torch.zeros(5, 4), torch.zeros(1, 7)),
    (torch.nn.LSTMCell(4, 7), torch.zeros(4), torch.zeros(7)),
):
    try:
        network(x, (h, h, h))
    except Exception as error:
        print(f"{network} refuses: {error}")
    else:
        taken.append(network)
print(f"taken by {taken}")
raise SystemExit(bool(taken))
