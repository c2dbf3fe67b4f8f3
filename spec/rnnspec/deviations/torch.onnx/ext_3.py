# EXT-3: A NaN in one feature of the input makes every feature of that row NaN, at its step and after it.
# ONNX Runtime's GRU and LSTM make a number of it. No upstream issue.
import logging

import onnxruntime
import torch

logging.disable(logging.WARNING)

numbers = []
for mode in ("GRU", "LSTM"):
    rnn, x = getattr(torch.nn, mode)(4, 7).eval(), torch.zeros(5, 3, 4)
    model = torch.onnx.export(rnn, (x,), dynamo=True, verbose=False).model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x[0, 0, 0] = torch.nan
    output = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
    numbers += [] if output[:, 0].isnan().all() else [mode]
print(f"a NaN at the first step is lost in {numbers}")
raise SystemExit(bool(numbers))
