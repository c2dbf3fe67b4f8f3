"""70 Precision: what each dtype promises, under autocast and with TF32 too."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

from rnnspec import gradients, ragged
from rnnspec.affine import Rounding
from rnnspec.axes import CELLS, MODES, cases, each
from rnnspec.bound import pinned, predicted, propagated
from rnnspec.check import NotClaimed, agrees, differs, has_dtype, is_same
from rnnspec.factors import EXACTLY
from rnnspec.gradients import expected, weighing
from rnnspec.notation import is_cell
from rnnspec.renewed import around, filled

EQUATIONS = "torch.nn.RNN, LSTM, GRU and cells, equations"
AUTOCAST = "torch.amp, CPU and CUDA ops that autocast to lower precision; not documented for each mode"
TF32 = "torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32"

HALF = each({"dtype": torch.bfloat16}, {"dtype": torch.float16})
FULL = each({"dtype": torch.float64}, {"dtype": torch.float32})
EVERY = [*FULL, *HALF]

DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})
GRID = each({"grid": 6})
"""Multiples of 1/64 with few enough digits for every dtype: there is nothing to round in the numbers."""

COARSER = {torch.float64: torch.float32, torch.float32: torch.float16}
"""The next coarser dtype; a product of TF32 rounds its factors as float16 does."""


@pytest.mark.clause(id="DTY-1", level="MUST", source=EQUATIONS)
@cases(MODES, DEEP, EVERY)
@cases(CELLS, EVERY)
def test_every_dtype(rnn, case):
    """In float64, float32, bfloat16 and float16 output and states are within the bound of that dtype, in
    all layers and directions.
    """
    wanted, within = propagated(case)
    agrees(rnn(case.input, case.state), wanted, within)


@pytest.mark.clause(id="DTY-7", level="MUST", source=EQUATIONS)
@pytest.mark.needs("packed")
@cases(MODES, DEEP, HALF)
@cases(MODES, DEEP, FULL, scope="full")
def test_every_dtype_of_packed_input(rnn, case):
    """For packed input too output and states are within the bound of each dtype."""
    lengths = ragged.lengths(case)
    wanted, within = ragged.alone(case, lengths)
    agrees(ragged.run(rnn, ragged.packed(case.input, lengths), case.state), wanted, within)


@pytest.mark.clause(id="DTY-8", level="MUST", source=EQUATIONS)
@cases(MODES, HALF, each({"T": 37}), scope="full")
@cases([*MODES, *CELLS], HALF, each({"T": 3, "B": 2, "I": 515, "H": 37, "span": 8.0}))
def test_sums_in_half_types(rnn, case):
    """In bfloat16 and float16 sums are accumulated in float32 or better, so that a step is within a bound
    that hardly grows with the sizes.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="DTY-3", level="MUST", source="consequence of the equations")
@cases(MODES, [{"B": 2}, *DEEP], GRID, FULL)  # five steps of relu are too long a number for float32
@cases(CELLS, GRID, FULL)
def test_ladder(rnn, case):
    """float64 is finer than float32, and float32 than any half type or TF32: on numbers that are the same
    in every dtype, results are nearer to the equations than a result in the next coarser dtype can be.
    """
    if case.factors != EXACTLY:
        raise NotClaimed("the factors of its products are coarser than its dtype")
    wanted, within = propagated(case)
    nearest = wanted.map(lambda part: part.to(COARSER[case.dtype]).double())
    differs(nearest.output, wanted.output, by=within.output, what="the nearest output in the coarser dtype")
    agrees(rnn(case.input, case.state), wanted, within)


@pytest.mark.clause(id="DTY-2", level="MUST", source="torch.nn.RNN, LSTM, GRU and cells, Inputs")
@cases(MODES, EVERY, [{}, *DEEP], each({"hx": False}))
@cases(MODES, EVERY)
@cases(CELLS, EVERY, each({}, {"hx": False}))
def test_dtype_of_results(rnn, case):
    """Output and states have the dtype of the weights, with grad or without; an omitted state is a zero of
    that dtype.
    """
    wanted, within = propagated(case)
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            got = rnn(case.input, case.state)
        for name, part in got.items():
            has_dtype(part, case.dtype, name)
        agrees(got, wanted, within)


@pytest.mark.clause(id="DTY-9", level="MUST", source="torch.nn.RNN, LSTM, GRU, Inputs")
@pytest.mark.needs("lengths")
@cases(MODES, EVERY, each({}, {"hx": False}))
def test_dtype_of_packed_results(rnn, case):
    """For packed input too output and states have the dtype of the weights."""
    got = ragged.run(rnn, ragged.packed(case.input, ragged.lengths(case)), case.state)
    for name, part in got.items():
        has_dtype(part, case.dtype, name)


@pytest.mark.clause(id="DTY-14", level="MUST", source=f"{EQUATIONS}; torch.autograd")
@pytest.mark.needs("grad")
@cases([*MODES, *CELLS], HALF, each({"T": 3, "B": 2, "H": 5, "gain": 0.5}))
def test_gradients_in_half_types(rnn, case):
    """In bfloat16 and float16 too backward gives the derivatives within the bound of the dtype."""
    gradients.agree(gradients.given(rnn, weighing(case)), expected(case))


@pytest.mark.clause(id="DTY-10", level="MAY", source=AUTOCAST)
@pytest.mark.needs("autocast")
@cases(MODES, [{}, *DEEP], GRID, HALF)
@cases(CELLS, GRID, HALF)
def test_autocast(rnn, case):
    """Under autocast a float32 network gives results within the bound of the dtype that is cast to."""
    wanted, within = propagated(case)
    agrees(_under_autocast(rnn), wanted, within)


@pytest.mark.clause(id="DTY-11", level="MAY", source=AUTOCAST)
@pytest.mark.needs("autocast", "packed")
@cases(MODES, GRID, HALF)
@cases(MODES, DEEP, GRID, HALF, scope="full")
def test_autocast_of_packed_input(rnn, case):
    """Under autocast packed input too gives results within the bound of the dtype that is cast to."""
    wanted, within = ragged.alone(case, ragged.lengths(case))
    agrees(_under_autocast(rnn, packed=True), wanted, within)


@pytest.mark.clause(id="DTY-5", level="MAY", source=AUTOCAST)
@pytest.mark.needs("autocast")
@cases(MODES, [{}, *DEEP], GRID, HALF)
@cases(CELLS, GRID, HALF)
def test_dtype_under_autocast(rnn, case):
    """Under autocast the results of a float32 network have one dtype, float32 or the one cast to, but for
    the c_n of a projected LSTM, which may have the other.

    Which of the two is not documented; torch's RNN gives the latter, its GRU the former. After the lists
    of operations a projection, a product, is cast, and c, which is not projected, is not.
    """
    dtypes = {name: part.dtype for name, part in _under_autocast(rnn).items()}
    both = {case.dtype, torch.float32}
    is_same(set(dtypes.values()) <= both, True, f"that the dtypes of {dtypes} are {both}")
    together = [dtype for name, dtype in dtypes.items() if not (case.P and name == "c_n")]
    is_same(together, together[:1] * len(together), "dtypes of the results")


@pytest.mark.clause(id="DTY-12", level="MAY", source=AUTOCAST)
@pytest.mark.needs("autocast", "packed")
@cases(MODES, [{}, *DEEP], GRID, HALF)
def test_dtype_of_packed_results_under_autocast(rnn, case):
    """Under autocast packed input gives results of the dtypes that padded input gives."""
    wanted = _under_autocast(rnn)
    for (name, got), (_, part) in zip(_under_autocast(rnn, True).items(), wanted.items(), strict=True):
        has_dtype(got, part.dtype, name)


@pytest.mark.clause(id="DTY-13", level="MAY", source="torch.amp, autocasting: backward")
@pytest.mark.needs("autocast", "grad", "module")
@cases(MODES, [{}, *DEEP], GRID, HALF)
@cases(CELLS, GRID, HALF)
def test_gradients_under_autocast(rnn, case):
    """After a call under autocast backward gives every float32 parameter a float32 gradient."""
    net, row = rnn.but(dtype=torch.float32), 0 if is_cell(case.mode) else slice(None)
    state = net.packed(tuple(part[row] for part in net.case.state))
    with _autocast(rnn):
        output = net.raw(net.case.input[row], state)
    while isinstance(output, tuple):
        output = output[0]
    output.float().sum().backward()
    got = {name: p.grad is not None and p.grad.dtype for name, p in net.module.named_parameters()}
    is_same(got, dict.fromkeys(got, torch.float32), "dtype of the gradients")


@pytest.mark.clause(id="DTY-15", level="MAY", source="torch.amp; weights are not cached")
@pytest.mark.needs("autocast", "module")
@cases(MODES, [{}, *DEEP], GRID, HALF)
@cases(CELLS, GRID, HALF)
def test_autocast_after_writing(rnn, case):
    """A weight that is written to between two contexts of autocast is cast anew in the second."""
    net = rnn.but(dtype=torch.float32)
    for seed in (case.seed, case.seed + 1):
        given = filled(around(net, net.module, seed=seed)).case
        with _autocast(rnn):
            got = net(given.input, given.state)
        agrees(got, *propagated(case.but(seed=seed)))


def _under_autocast(rnn, packed=False):
    """The result of this network in float32, under autocast to the dtype of the case."""
    net = rnn.but(dtype=torch.float32)
    x, state = net.case.input, net.case.state
    with _autocast(rnn):
        return ragged.run(net, ragged.packed(x, ragged.lengths(net.case)), state) if packed else net(x, state)


@contextmanager
def _autocast(rnn):
    """Autocast to the dtype of the case; not claimed where oneDNN says that this CPU has no kernel for it."""
    try:
        with torch.autocast(rnn.device.type, dtype=rnn.case.dtype):
            yield
    except RuntimeError as error:
        if "could not create a primitive descriptor" in str(error):
            raise NotClaimed(f"not on this CPU: {error}") from error
        raise


@pytest.mark.clause(id="DTY-6", level="MUST", source=TF32)
@cases(MODES, each({"dtype": torch.float32}), each({}, *DEEP, {"T": 3, "B": 35, "I": 33, "H": 67}))
def test_tf32(rnn, case):
    """On CUDA results in float32 are within the bound of float32 where TF32 is disallowed, and where it is
    allowed within the bound of products whose factors keep 10 binary digits.
    """
    if rnn.device.type != "cuda":
        raise NotClaimed(f"TF32 is a mode of CUDA, not of {rnn.device.type}")
    for allowed, unit in ((False, Rounding.of(case.dtype)), (True, Rounding.of_tf32())):
        with _tf32(allowed):
            got = rnn(case.input, case.state)
        wanted, within = predicted(case, case.weights, case.input, case.state, unit)
        agrees(got, wanted, within)


@contextmanager
def _tf32(allowed):
    places = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = allowed
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value
