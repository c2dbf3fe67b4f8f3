# ERR-4: A state with another number of rows is refused; an axis of size 1 is not spread.
# An LSTM with a projection spreads a state of one row over the batch of three. No upstream issue.
import paddle

layer, accepted = paddle.nn.LSTM(4, 7, proj_size=3), False
try:
    output, _ = layer(paddle.ones([3, 5, 4]), (paddle.ones([1, 1, 3]), paddle.ones([1, 3, 7])))
    print("accepted:", output.shape)
    accepted = True
except ValueError as error:
    print("refused:", error)
raise SystemExit(accepted)
