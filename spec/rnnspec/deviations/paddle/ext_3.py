# EXT-3: A NaN in one feature of the input makes every feature of that row NaN, at its step and after it.
# The relu makes a number of it. No upstream issue.
import paddle

x = paddle.full([1, 5, 4], float("nan"))
layer, cell = paddle.nn.SimpleRNN(4, 7, activation="relu"), paddle.nn.SimpleRNNCell(4, 7, activation="relu")
numbers = {"layer": layer(x)[0].isfinite().any().item(), "cell": cell(x[:, 0])[0].isfinite().any().item()}
print(f"a NaN becomes a number: {numbers}")
raise SystemExit(any(numbers.values()))
