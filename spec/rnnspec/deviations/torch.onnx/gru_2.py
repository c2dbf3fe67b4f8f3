# GRU-2: The reset gate multiplies W_hn h + b_hn after the product: with r = 0 neither is seen.
# ONNX Runtime's sigmoid is never 0, not even of -16384, and its tanh of 16384 is beyond 1. No upstream issue.
import logging

import onnxruntime
import torch

logging.disable(logging.WARNING)


def h(r: float, n: float, b_hn: float) -> float:
    """What one step of the exported GRU makes of the state 0, z being 0: tanh(n + σ(r) b_hn)."""
    gru, x = torch.nn.GRU(1, 1).eval(), torch.zeros(1, 1, 1)
    for weight, values in zip(
        gru.parameters(), ([0] * 3, [0] * 3, [r, -16384, n], [0, 0, b_hn]), strict=True
    ):
        weight.data.copy_(torch.tensor(values, dtype=torch.float32).view_as(weight))
    model = torch.onnx.export(gru, (x,), dynamo=True, verbose=False).model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})[0].item()


seen = h(-16384, 0, 2.0**20) != h(-16384, 0, 0)
beyond = h(0, 16384, 0)
print(f"b_hn = 2^20 is {'' if seen else 'not '}seen where r is σ(-16384); tanh(16384) is {beyond:.9g}")
raise SystemExit(seen or beyond > 1)
