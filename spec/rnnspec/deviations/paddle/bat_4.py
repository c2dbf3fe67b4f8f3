# BAT-4: A batch of size 0 gives an output of shape (T, 0, D·P) and states of shape (L·D, 0, ·).
# GRU and LSTM refuse it, and a SimpleRNN of two directions; one of a single direction, the cells and an
# LSTM with a projection do not. No upstream issue.
import paddle

refused = {}
for kind in ("SimpleRNN", "GRU", "LSTM"):
    for direction in ("forward", "bidirect"):
        try:
            getattr(paddle.nn, kind)(4, 7, direction=direction)(paddle.ones([0, 5, 4]))
        except (RuntimeError, ValueError) as error:
            refused[kind, direction] = type(error).__name__
print(f"refused: {refused}")
raise SystemExit(bool(refused))
