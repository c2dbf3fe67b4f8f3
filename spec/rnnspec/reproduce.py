"""A failure as a few lines of plain torch, to paste into a bug report.

What the clause did is read back from its calls: every tensor that went in is found, by value, among
the numbers of the case and the results of earlier calls, and written as that expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from textwrap import wrap
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from .bound import pinned
from .case import Case, Draw, drawn
from .check import Evidence
from .implementation import DropIn, Network, Without
from .notation import is_cell
from .reference import Result, run
from .tensors import shortest
from .trial import Call

CALLS, LINES = 16, 60
"""More calls are cut down to the chain that matters; more lines of numbers are not written."""

PARTS = {"out": "output", "h": "h_n", "c": "c_n"}
MADE = re.compile(r"\b(out|h|c|result)(\d+)\b")
ROW = re.compile(r"(.*\[(?::, )*)(\d+)(:\d+)?(\].*)")

DRAW = """
def draw(scale, *shape):
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (scale * (2 * uniform - 1)).to(DTYPE)
"""
TOO_LONG = "# The numbers that went in are too many to print: run the clause itself."
UNSEEN = "# The clause goes on to compare what it computes from this: see its text."
UNKNOWN = "# wanted: as the clause computes it; what it does besides these calls is not shown here"
CHANGED = "# The clause also changes the network's parameters between its calls: see its text."
PARAMETERS = "print([(name, tuple(part.shape)) for name, part in rnn.named_parameters()])"


class TooLong(Exception):
    """The script would fill pages."""


def script(network: Network, calls: Sequence[Call], evidence: Evidence | None) -> list[str]:
    """The lines: imports, numbers, networks, calls, and the element that deviates.

    They exit with 1 where it does, and say so in a comment where they cannot show it.
    """
    got, wanted = pair(calls, evidence) if evidence else (None, None)
    ends = [place.call for place in (got, wanted) if place] or list(range(len(calls)))[-1:]
    for kept in choices(calls, ends):
        try:
            return Script(network, calls, kept).written(evidence, got, wanted)
        except TooLong:
            continue
    return [*Script(network, [], []).written(None, None, None)[:-1], TOO_LONG]


# --- finding a tensor by value ----------------------------------------------------------------


class Known(NamedTuple):
    """A tensor and the expression that gives it."""

    text: str
    value: Tensor

    def at(self, index: str, value: Tensor) -> Known:
        return Known(f"{self.text}[{index}]", value)

    def turned(self) -> Known:
        return Known(f"{self.text}.transpose(0, 1)", self.value.transpose(0, 1))


def bits(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def same(one: Tensor, other: Tensor) -> bool:
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and torch.equal(bits(one), bits(other))


def shares(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def span(start: int, end: int, size: int) -> str:
    """`start:end`, without the ends of the axis; a single row always with both."""
    if end - start == 1 < size:
        return f"{start}:{end}"
    return f"{start or ''}:{end if end < size else ''}"


def rows(known: Known, target: Tensor, axis: int) -> Known | None:
    """The target as one or some of the rows of `known` along an axis."""
    value, before = known.value, ":, " * axis
    rest = [*value.shape[:axis], *value.shape[axis + 1 :]]
    single = list(target.shape) == rest
    if not single and [*target.shape[:axis], *target.shape[axis + 1 :]] != rest:
        return None
    places = {tuple(bits(row).tolist()): i for i, row in enumerate(value.unbind(axis))}
    wanted = [target] if single else target.unbind(axis)
    found = [places.get(tuple(bits(row).tolist()), -1) for row in wanted]
    if -1 in found:
        return None
    if single:
        return known.at(f"{before}{found[0]}", value.select(axis, found[0]))
    start, end = found[0], found[0] + len(found)
    if found != list(range(start, end)):
        return known.at(f"{before}{found}", value[(slice(None),) * axis + (found,)])
    index = before + span(start, end, value.shape[axis])
    return known.at(index, value.narrow(axis, start, len(found)))


def view(known: Known, target: Tensor, turn: bool = True) -> Known | None:
    """The target as `known`, indexed, sliced or transposed."""
    value, depth, first = known.value, known.value.dim(), target.detach().cpu().reshape(-1)[:1]
    if value.dtype != target.dtype or depth < target.dim() or 0 in target.shape:
        return known if same(value, target) else None
    if not bool((value.cpu() == first).any() | first.isnan().any()):
        return None
    if same(value, target):
        return known
    tries = [rows(known, target, axis) for axis in range(depth)]
    inner: list[Known] = []
    if depth > target.dim():
        inner = [known.at(str(i), row) for i, row in enumerate(value)]
    elif depth > 1 and (n := target.shape[1]) < (size := value.shape[1]):
        starts = range(size - n + 1)
        inner = [known.at(f":, {span(s, s + n, size)}", value.narrow(1, s, n)) for s in starts]
    found = next(filter(None, (*tries, *(rows(part, target, 0) for part in inner))), None)
    return found or (view(known.turned(), target, False) if turn and depth > 1 else None)


def numbers(target: Tensor) -> list[str]:
    """Each number as the shortest decimal that is it."""
    flat = target.detach().cpu().reshape(-1)
    values = shortest(flat) if flat.is_floating_point() else flat.tolist()
    return [re.sub("^(-?)(nan|inf)$", r"\1torch.\2", repr(value)) for value in values]


def constant(target: Tensor) -> str | None:
    """The one number that fills the target."""
    flat = target.reshape(-1)
    one = len(flat) > 0 and same(flat, flat[:1].expand(len(flat)))
    return numbers(flat[:1])[0] if one else None


def filled(target: Tensor, value: str) -> Known:
    """The target, all of one number."""
    dtype = "" if target.dtype == torch.float32 else f", dtype={target.dtype}"
    shape = f"({', '.join(map(str, target.shape))})"
    names = {"0.0": "zeros", "1.0": "ones"}
    text = f"torch.{names[value]}{shape[:-1]}" if value in names else f"torch.full({shape}, {value}"
    return Known(f"{text}{dtype})", target.detach().cpu().contiguous())


def affine(known: Known, target: Tensor) -> Known | None:
    """The target as a + b times `known`, for plain a and b."""
    value = known.value
    x, y = value.double().reshape(-1), target.detach().cpu().double().reshape(-1)
    if value.shape != target.shape or len(x) < 2 or x.max() == x.min():
        return None
    low, high = int(x.argmin()), int(x.argmax())
    slope = float((y[high] - y[low]) / (x[high] - x[low]))
    for digits in (0, 1, 3) if 0 < abs(slope) < 1e6 else ():
        b = round(slope, digits)
        a = round(float(y[low] - b * x[low]), digits)
        made = a + b * value if a else b * value
        if same(made, target):
            size = known.text if abs(b) == 1 else f"{abs(b):g} * {known.text}"
            sign = "-" if b < 0 else "+" if a else ""
            return Known(f"{a:g} {sign} {size}" if a else sign + size, made)
    return None


def alike(known: Known, target: Tensor) -> Iterator[Known]:
    """`known`, transposed, or a row of it, where it has the target's shape and dtype."""
    known = Known(known.text, known.value.detach().cpu())
    if known.value.dtype != target.dtype or not target.is_floating_point():
        return
    if known.value.shape == target.shape:
        yield known
    if target.dim() > 1 and known.value.shape == target.transpose(0, 1).shape:
        yield known.turned()
    if known.value.shape[1:] == target.shape:
        yield from (known.at(str(i), row) for i, row in enumerate(known.value))


class Names:
    """What has a name so far, and the lines that give names to numbers found nowhere else."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.made: list[Known] = []
        self.lines: list[str] = []
        self.count = self.literals = 0
        self.given = [
            Known(named(name, suffix), value)
            for case, suffix in suffixed(cases)
            for name, value in drawn(case).items()
        ]

    def spell(self, value: Any, device: torch.device) -> str:
        """Whatever a network was called with, as an expression."""
        if isinstance(value, PackedSequence):
            return self.packed(value, device)
        if isinstance(value, tuple | list):
            inner = ", ".join(self.spell(part, device) for part in value)
            return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
        if not isinstance(value, Tensor):
            return repr(value)
        text, found = laid_out(self.find(value), value)
        move = found.device.type != device.type
        return f'{grouped(text)}.to("{device}")' if move else text

    def packed(self, value: PackedSequence, device: torch.device) -> str:
        padded, lengths = pad_packed_sequence(value)
        inside = (torch.arange(len(padded))[:, None] < lengths)[..., None]
        for _, whole in self.given:
            if whole.shape == padded.shape and same(padded, whole.where(inside, 0)):
                padded = whole
        loose = "" if value.sorted_indices is None else ", enforce_sorted=False"
        text = self.spell(padded, device)
        return f"torch.nn.utils.rnn.pack_padded_sequence({text}, {lengths.tolist()}{loose})"

    def find(self, target: Tensor) -> Known:
        """An expression for the target; at worst all its numbers, under a name of their own."""
        return self.short(target) or self.changed(target) or self.literal(target)

    def short(self, target: Tensor) -> Known | None:
        """As something that has a name, indexed or scaled; what shares its memory comes first."""
        known = [*self.given, *reversed(self.made)]
        near = (view(each, target) for each in reversed(known) if shares(each.value, target))
        if found := next(filter(None, near), None):
            return found
        if value := constant(target):
            return filled(target, value)
        parts = (part for each in known for part in alike(each, target))
        equal = (view(each, target) for each in known)
        scaled = (affine(part, target) for part in parts)
        return next(filter(None, equal), None) or next(filter(None, scaled), None)

    def changed(self, target: Tensor) -> Known | None:
        """As something that has a name, or zeros, with one block of it replaced."""
        here = target.detach().cpu()
        zeros = filled(torch.zeros_like(here), "0.0")
        bases = [part for known in self.given for part in alike(known, target)]
        for base in (*bases, zeros):
            off = ((here != base.value) & ~(here.isnan() & base.value.isnan())).nonzero()
            if not off.numel() or here.dim() == 0:
                continue
            ends = [*zip(off.amin(0).tolist(), (off.amax(0) + 1).tolist(), here.shape, strict=True)]
            box = tuple(slice(low, high) for low, high, _ in ends)
            index = re.sub("(, :)+$", "", ", ".join(span(*end) for end in ends))
            was = [each.at(index, each.value[box]) for each in (base, *bases)]
            block = self.block(here[box], was, here.numel())
            if block:
                copy = base.text if base is zeros else f"{base.text}.clone()"
                return self.name(target, [copy], f"[{index}] = {block}")
        return None

    def block(self, part: Tensor, was: Sequence[Known], whole: int) -> str | None:
        """What a block of a tensor was replaced with; its numbers only where they are few."""
        if part.numel() == whole:
            return None
        if value := constant(part):
            return value
        scaled = next(filter(None, (affine(each, part) for each in was)), None)
        found = scaled or self.short(part)
        if not found and 3 * part.numel() < whole:
            found = self.find(part)
        return found and found.text

    def literal(self, target: Tensor) -> Known:
        """All the numbers."""
        if target.numel() > 20 * LINES:
            raise TooLong
        lines = wrap(", ".join(numbers(target)), 96)
        self.literals += len(lines)
        if self.literals > LINES:
            raise TooLong
        shape = "" if target.dim() == 1 else f".reshape({', '.join(map(str, target.shape))})"
        end = f"], dtype={target.dtype}){shape}"
        return self.name(target, ["torch.tensor([", *("    " + line for line in lines), end])

    def name(self, target: Tensor, value: list[str], change: str = "") -> Known:
        self.count += 1
        name = f"value{self.count}"
        self.lines += [f"{name} = {value[0]}", *value[1:], *([name + change] if change else [])]
        self.given.append(Known(name, target))
        return Known(name, target.cpu().contiguous())


def grouped(text: str) -> str:
    """An expression to which a method may be appended."""
    return f"({text})" if re.match(r"-|[\w.]+ ", text) else text


def laid_out(found: Known, target: Tensor) -> Known:
    """What was found, with the target's strides."""
    axes = [axis for axis, size in enumerate(target.shape) if size > 1]
    stride = [target.stride(axis) for axis in axes]
    if stride == [found.value.stride(axis) for axis in axes] or not target.numel():
        return found
    text = grouped(found.text)
    if target.is_contiguous():
        return Known(f"{text}.contiguous()", found.value)
    if 0 in stride:
        index = ", ".join(":" if step else ":1" for step in target.stride())
        return Known(f"{text}[{index}].expand{tuple(target.shape)}", found.value)
    empty = f"torch.empty_strided({tuple(target.shape)}, {target.stride()}, dtype={target.dtype})"
    return Known(f"{empty}.copy_({found.text})", found.value)


# --- which calls, and which element -----------------------------------------------------------


class Place(NamedTuple):
    """An element of a result: of which call and part, where, and times what.

    `alike` says how much it looks like the element in question; a common value may be elsewhere too.
    """

    alike: int
    common: bool
    call: int
    part: Known
    at: tuple[int, ...]
    factor: float

    def __str__(self) -> str:
        factor = {1.0: "", -1.0: "-"}.get(self.factor, f"{self.factor:g} * ")
        return f"{factor}{self.part.text}{list(self.at)}.item()"

    def goes_with(self, wanted: Place) -> bool:
        """Whether the two may be what was compared; a common value counts only in a like place."""
        if (self.part.text, self.at) == (wanted.part.text, wanted.at):
            return False
        if wanted.common:
            return self.call != wanted.call and (wanted.alike > 3 or self.at == wanted.at)
        return self.alike > 1 or not self.common or self.at == wanted.at


def flat(value: Any) -> list[Tensor]:
    """The tensors in a nested structure."""
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in flat(part)]
    return [value] if isinstance(value, Tensor) else []


def taken_apart(call: Call, n: int) -> tuple[str, str, list[Known]]:
    """The names that a result is assigned to, the state among them, and every part by name."""
    case, result = call.network.case, call.result
    names = [f"h{n}", f"c{n}"] if case.kind == "LSTM" else [f"h{n}"]
    two = result if isinstance(result, tuple | list) and len(result) == 2 else (None, None)
    output, states = (None, result) if is_cell(case.mode) else two
    parts: Any = states if len(names) == 2 else (states,)
    if not isinstance(parts, tuple | list) or not len(parts) == len(names) == len(flat(parts)):
        return f"result{n}", "", []
    known = [Known(*each) for each in zip(names, parts, strict=True)]
    final = f"({', '.join(names)})" if len(names) == 2 else names[0]
    if is_cell(case.mode):
        return ", ".join(names), final, known
    data = ".data" if isinstance(output, PackedSequence) else ""
    return f"out{n}, {final}", final, [*(Known(f"out{n}{data}", o) for o in flat(output)), *known]


def pair(calls: Sequence[Call], evidence: Evidence) -> tuple[Place | None, Place | None]:
    """The elements that were got and wanted, as far as results hold them; best in like places."""
    parts = [(n, call, part) for n, call in enumerate(calls) for part in taken_apart(call, n)[2]]
    got = [place for part in parts for place in places(*part, evidence.got, evidence)]
    wanted = [place for part in parts for place in places(*part, evidence.wanted, evidence)]
    got.sort(key=lambda place: (place.alike, place.call, place.at), reverse=True)
    wanted.sort(key=lambda place: (place.alike, -place.call), reverse=True)
    likely = ((g, w) for g, w in product(got[:300], wanted[:300]) if g.goes_with(w))
    both = max(likely, key=lambda two: closeness(*two), default=None)
    first = next((place for place in got if place.alike > 1 or not place.common), None)
    return both or (first, None)


def closeness(got: Place, wanted: Place) -> tuple[bool, int, bool]:
    return got.call != wanted.call, wanted.alike, got.at == wanted.at


def places(n: int, call: Call, part: Known, value: float, evidence: Evidence) -> Iterator[Place]:
    """Where a result has this value, or half or twice or minus it."""
    have, there = part.value.detach().cpu().double(), evidence.at
    likely = (there, (*there[1::-1], *there[2:])) if call.network.case.batch_first else (there,)
    common = value != value or value == round(value, 1)
    right = evidence.what.startswith(PARTS[MADE.sub(r"\1", part.text).removesuffix(".data")])
    for factor in (1.0,) if common else (1.0, -1.0, 2.0, 0.5):
        hits = have.isnan() if value != value else factor * have == value
        for at in map(tuple, hits.nonzero().tolist()):
            level = 2 if at in likely else at[-2:] == there[-2:]
            yield Place(2 * level + right, common, n, part, at, factor)


def choices(calls: Sequence[Call], ends: list[int]) -> Iterator[list[int]]:
    """The calls to write: those that the ends depend on, with whatever their networks did before."""
    chain = ancestors(calls, ends)
    concerned = {id(calls[n].network) for n in chain}
    before = [n for n in range(max(ends, default=-1)) if calls[n].result is not None]
    kept = sorted(chain | {n for n in before if id(calls[n].network) in concerned})
    if len(kept) <= CALLS:
        yield kept
    yield sorted(chain)


def ancestors(calls: Sequence[Call], ends: list[int]) -> set[int]:
    kept, todo = set[int](), list(ends)
    while todo:
        n = todo.pop()
        kept.add(n)
        for part in flat((calls[n].x, calls[n].state)):
            made = (i for i in reversed(range(n)) if came_from(part, flat(calls[i].result)))
            todo += [i for i in [next(made, -1)] if i >= 0 and i not in kept]
    return kept


def came_from(part: Tensor, result: list[Tensor]) -> bool:
    return any(shares(part, each) or same(part, each) for each in result)


# --- writing ----------------------------------------------------------------------------------


class Step(NamedTuple):
    """A call as it is written: `names = network(x, state)`; `final` is the state in `names`."""

    number: int
    network: str
    names: str
    x: str
    state: tuple[str, ...]
    final: str

    def __str__(self) -> str:
        return f"{self.names} = {self.network}({', '.join([self.x, *self.given])})"

    @property
    def given(self) -> list[str]:
        """The state as an argument, if there is one."""
        return [f"({', '.join(self.state)})"] if len(self.state) > 1 else list(self.state)

    @property
    def start(self) -> list[str]:
        """What the state is, each part: zeros where none is given."""
        zeros = [f"torch.zeros_like({name})" for name in self.final.strip("()").split(", ")]
        return list(self.state) or zeros


def suffixed(cases: Iterable[Case]) -> Iterator[tuple[Case, str]]:
    """The cases that have numbers of their own, and how the names of these end."""
    distinct: dict[Any, Case] = {}
    for case in cases:
        distinct.setdefault((*case.draws(), case.seed, case.dtype), case)
    for n, case in enumerate(distinct.values(), 1):
        yield case, "" if n == 1 else f"_{n}"


def named(draw: str, suffix: str) -> str:
    if draw in ("input", "h_0", "c_0"):
        return ("x" if draw == "input" else draw) + suffix
    return f'weights{suffix}["{draw}"]'


class Script:
    """The text in the making, for the calls that are kept."""

    def __init__(self, network: Network, calls: Sequence[Call], kept: list[int]) -> None:
        self.calls, self.kept = calls, kept
        used = [network.case, *(calls[n].network.case for n in kept)]
        self.cases = [*used, *(case.but(seed=case.seed + 1) for case in used)]
        self.names = Names(self.cases)
        self.imports = ["import torch"]
        self.networks: dict[int, tuple[str, str]] = {}
        self.built: list[str] = []
        if not kept:
            self.network(network)

    def written(self, evidence: Evidence | None, got: Place | None, wanted: Place | None) -> list[str]:
        steps = [self.step(n) for n in self.kept]
        ending = self.ending(steps, evidence, got, wanted)
        calls = [*looped(steps, "\n".join(ending)), *ending]
        if len(calls) > LINES:
            raise TooLong
        if self.kept != list(range(len(self.kept))):
            calls.insert(0, "# some calls of the clause that do not lead here are left out")
        body = [*self.names.lines, *self.built, *renumbered(calls)]
        body += [CHANGED] if any(moved(self.calls[n].network) for n in self.kept) else []
        return [*self.imports, "", *self.drawing("\n".join(body)), *body]

    def drawing(self, body: str) -> Iterator[str]:
        """The numbers of the cases: all are drawn, in order, up to the last that is used."""
        dtype = None
        for case, suffix in suffixed(self.cases):
            names = [named(draw.name, suffix).partition("[")[0] for draw in case.draws()]
            used = [bool(re.search(rf"\b{name}\b", body)) for name in names]
            if any(used):
                yield f"generator = torch.Generator().manual_seed({case.seed})"
                if case.dtype != dtype:
                    dtype = case.dtype
                    yield from DRAW.replace("DTYPE", str(dtype)).split("\n")
                last = len(used) - used[::-1].index(True)
                yield from drawn_lines(list(case.draws())[:last], suffix, used)
                yield ""

    def network(self, network: Network) -> tuple[str, str]:
        """The names of a network and of its weights; it is built and loaded where it is new."""
        if id(network) in self.networks:
            return self.networks[id(network)]
        name, case = f"rnn{len(self.networks) + 1 if self.networks else ''}", network.case
        words = "".join(f", {word}={value!r}" for word, value in case.options.items())
        device = f'"{network.device}", ' if network.device.type != "cpu" else ""
        to = f".to({device}{case.dtype})" if device or case.dtype != torch.float32 else ""
        weights = self.weights(name, network) if self.kept else ""
        self.built.append(f"{name} = {self.cls(network)}({case.I}, {case.H}{words}){to}")
        self.built += [f"{name}.load_state_dict({weights})"] if weights else []
        self.networks[id(network)] = name, weights
        return name, weights

    def cls(self, network: Network) -> str:
        """The class under test, imported; torch's in place of what is no class."""
        implementation, mode = network.implementation, network.case.mode
        if isinstance(implementation, Without):
            implementation = implementation.inner
        torchs, line = f"torch.nn.{mode}", ""
        if not isinstance(implementation, DropIn) or type(implementation).build != DropIn.build:
            line = f"# {torchs} stands here for {implementation.name}, which is called otherwise"
        elif not implementation.classes[mode].__module__.startswith("torch.nn."):
            cls = implementation.classes[mode]
            torchs = cls.__qualname__
            line = f"from {cls.__module__} import {torchs.split('.')[0]}"
        self.imports += [line] if line and line not in self.imports else []
        return torchs

    def weights(self, name: str, network: Network) -> str:
        """The name of the state dict: that of a case, or one in which something was replaced."""
        base, replaced = "", dict(network.weights)
        for case, suffix in suffixed(self.cases):
            if list(case.weights) == list(network.weights):
                own = {k: v for k, v in network.weights.items() if not same(v, case.weights[k])}
                if len(own) < len(replaced):
                    base, replaced = f"weights{suffix}", own
        if not replaced:
            return base
        entries = [f'    "{k}": {self.names.find(v).text},' for k, v in replaced.items()]
        whole = [f"    **{base},"] if base else []
        self.built += [f"{name}_weights = {{", *whole, *entries, "}"]
        return f"{name}_weights"

    def step(self, n: int) -> Step:
        call = self.calls[n]
        name, device, state = self.network(call.network)[0], call.network.device, call.state
        two = isinstance(state, tuple) and len(state) == 2
        given = state if two else () if state is None else (state,)
        x, *texts = (self.names.spell(part, device) for part in (call.x, *given))
        names, final, parts = taken_apart(call, n)
        self.names.made += parts
        return Step(n, name, names, x, tuple(texts), final)

    def ending(
        self,
        steps: list[Step],
        evidence: Evidence | None,
        got: Place | None,
        wanted: Place | None,
    ) -> list[str]:
        """Shows the element that deviates; or else how the last result is made up."""
        if not evidence:
            return self.last(steps)
        found = self.wanted(steps, evidence, got, wanted)
        if not found:
            return [UNSEEN, *self.last(steps)]
        within = allowed(evidence)
        off = f"not abs(got - wanted) <= {within}" if evidence.within else "got != wanted"
        return [
            *found[0],
            f"got, wanted = {got}, {found[1]}",
            f'print(f"got {{got!r}}, wanted {{wanted!r}}, at most {within} apart")',
            f"raise SystemExit({off})",
        ]

    def wanted(
        self, steps: list[Step], evidence: Evidence, got: Place | None, wanted: Place | None
    ) -> tuple[list[str], str] | None:
        """What was wanted, and the lines before it; None where it cannot be told what was got."""
        rare = wanted and not wanted.common
        oracle = None if rare or not got else self.computed(steps, got, evidence)
        if oracle or not got:
            return oracle
        if wanted:
            return [], str(wanted)
        literal = numbers(torch.tensor([evidence.wanted], dtype=torch.float64))[0]
        return None if got.common else ([UNKNOWN], literal)

    def last(self, steps: list[Step]) -> list[str]:
        return shown(self.calls[self.kept[-1]], steps[-1]) if steps else [PARAMETERS]

    def computed(self, steps: list[Step], got: Place, evidence: Evidence) -> tuple[list[str], str] | None:
        """What is wanted where no call gave it: by the equations, from all or from one step."""
        step = next(step for step in steps if step.number == got.call)
        case = self.calls[got.call].network.case
        literal = repr(evidence.wanted)
        own = MADE.search(" ".join([step.x, *step.state]))
        if not own and self.gives(from_scratch, [step], got, evidence):
            return ["# wanted: the equations, in float64"], literal
        if case.L == case.D == 1 and not case.P:
            for trail in ([step], trail_of(steps, step)):
                if self.gives(pinned, trail, got, evidence):
                    return self.equations(trail, got)
        return None

    def gives(self, oracle: Oracle, steps: list[Step], got: Place, evidence: Evidence) -> bool:
        """Whether the oracle, on what went into these steps, gives the number that was wanted."""
        calls = [self.calls[step.number] for step in steps]
        network = calls[0].network
        depth = 2 if is_cell(network.case.mode) else 3
        if any(not isinstance(call.x, Tensor) or call.x.dim() != depth for call in calls):
            return False
        result, _ = oracle(network.case, *time_first(calls), network.weights)
        name, at = spot(calls, got)
        value = float(dict(result.items())[name][at])
        return abs(value - evidence.wanted) <= 1e-12 * (1 + abs(value))

    def equations(self, steps: list[Step], got: Place) -> tuple[list[str], str]:
        """The equations by torch's functions, in float64, each step from the network's own h."""
        calls = [self.calls[step.number] for step in steps]
        network, (name, at) = calls[0].network, spot(calls, got)
        t = at[0] if name == "output" else len(time_first(calls)[0]) - 1
        x, h, c = trajectory(network.case, steps, t)
        to = f'"{network.device}", ' if network.device.type != "cpu" else ""
        lines = [
            "# wanted: the equations, in float64, each step from the h that the network gave",
            f"w = [w.to({to}torch.float64) for w in {self.network(network)[1]}.values()]",
        ]
        element = f"[{', '.join(map(str, at[1:]))}].item()"
        if network.case.kind != "LSTM":
            kind = "gru" if network.case.kind == "GRU" else f"rnn_{network.case.nonlinearity}"
            step = f"torch.{kind}_cell({x[-1]}.double(), {h[-1]}.double(), *w)"
            return [*lines, f"step = {step}"], f"step{element}"
        lines += [
            f"c_t = {grouped(c)}.double()",
            f"for x_t, before in zip([{', '.join(x)}], [{', '.join(h)}]):",
            "    h_t, c_t = torch.lstm_cell(x_t.double(), (before.double(), c_t), *w)",
        ]
        return lines, f"{'c_t' if name == 'c_n' else 'h_t'}{element}"


Oracle = Callable[..., tuple[Result, Any]]


def from_scratch(
    case: Case, x: Tensor, state: tuple[Tensor, ...], output: Tensor, weights: Mapping[str, Tensor]
) -> tuple[Result, Any]:
    """The equations over all steps; called as `pinned` is."""
    return run(case, weights, x.double(), tuple(part.double() for part in state)), None


def time_first(calls: Sequence[Call]) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
    """What went into a call of a layer, or some of a cell, and its output, all with every axis."""
    case = calls[0].network.case
    state = [part.detach().cpu() for part in flat(calls[0].state)]
    x, output = (flat([part])[0].detach().cpu() for part in (calls[0].x, flat(calls[0].result)[0]))
    if is_cell(case.mode):
        x = torch.stack([call.x.detach().cpu() for call in calls])
        output = torch.stack([flat(call.result)[0].detach().cpu() for call in calls])
        state = [part[None] for part in state]
    elif case.batch_first:
        x, output = x.transpose(0, 1), output.transpose(0, 1)
    if not state:
        state = [zeros[:, :1].expand(-1, x.shape[1], -1) for zeros in case.but(B=1).zeros]
    return x, tuple(state), output


def spot(calls: Sequence[Call], got: Place) -> tuple[str, tuple[int, ...]]:
    """Where the element is in the result of all of these calls, time first."""
    case, at = calls[0].network.case, got.at
    name = PARTS[MADE.sub(r"\1", got.part.text)]
    if is_cell(case.mode):
        return (name, (0, *at)) if name == "c_n" else ("output", (len(calls) - 1, *at))
    return name, (at[1], at[0], *at[2:]) if name == "output" and case.batch_first else at


def trail_of(steps: list[Step], last: Step) -> list[Step]:
    """The steps of one network that lead to this one, each from the state of the one before."""
    trail = [last]
    for step in reversed(steps[: steps.index(last)]):
        if step.network == last.network and trail[0].given == [step.final]:
            trail.insert(0, step)
    return trail


def trajectory(case: Case, steps: list[Step], t: int) -> tuple[list[str], list[str], str]:
    """The inputs up to step t, the h before each of them, and the c before the first."""
    first, step = steps[0].start, steps[-1]
    if is_cell(case.mode):
        return [step.x for step in steps], [step.start[0] for step in steps], first[-1]
    turn = ":, " if case.batch_first else ""
    x = [f"{grouped(step.x)}[{turn}{n}]" for n in range(t + 1)]
    own = [f"out{step.number}[{turn}{n}]" for n in range(t)]
    return x, [f"{grouped(first[0])}[0]", *own], f"{grouped(first[-1])}[0]"


def drawn_lines(draws: list[Draw], suffix: str, used: list[bool]) -> Iterator[str]:
    for draw, wanted in zip(draws, used, strict=False):
        name, value = named(draw.name, suffix), f"draw({scale(draw)}, {str(draw.shape).strip('(,)')})"
        if not name.startswith("weights"):
            yield f"{name} = {value}" if wanted else f"{value}  # {name}, which is not used"
    entries = [d for d in draws if named(d.name, suffix).startswith("weights")]
    if entries:
        sized = (f"draw({scale(d)}, {str(d.shape).strip('(,)')})" for d in entries)
        lines = (f'    "{d.name}": {value},' for d, value in zip(entries, sized, strict=True))
        yield from [f"weights{suffix} = {{", *lines, "}"]


def scale(draw: Draw) -> str:
    """The scale as short as it can be written."""
    columns = draw.shape[-1]
    root = f"1.5 / {columns}**0.5"
    exact = columns > 0 and 1.5 / columns**0.5 == draw.scale
    return root if exact and len(root) < len(repr(draw.scale)) else repr(draw.scale)


def moved(network: Network) -> bool:
    """Whether the module no longer has the weights that it was built with."""
    state: Mapping[str, Tensor] = getattr(vars(network).get("module"), "state_dict", dict)()
    return any(k in state and not same(state[k], v) for k, v in network.weights.items())


def allowed(evidence: Evidence) -> str:
    """The bound, rounded up where that hides nothing."""
    short = f"{evidence.within * 1.006:.3g}"
    hides = abs(evidence.got - evidence.wanted) <= float(short)
    return repr(evidence.within) if hides else short


def shown(call: Call, step: Step) -> list[str]:
    """How a result is made up; nothing where the call itself raises."""
    if call.result is None:
        return ["# this call raises"]
    parts = [f"tuple({part.text}.shape)" for part in taken_apart(call, step.number)[2]]
    return [f"print({', '.join(parts) or step.names})"]


def looped(steps: list[Step], ending: str) -> Iterator[str]:
    """The calls; those that carry a state over consecutive rows as a loop."""
    while steps:
        n = 1
        while n < len(steps) and follows(steps[n - 1], steps[n], steps[n + 1 :], ending):
            n += 1
        run = n > 2 and steps[0].state
        yield from loop(steps[:n]) if run else map(str, steps[:n])
        steps = steps[n:]


def follows(before: Step, step: Step, later: list[Step], ending: str) -> bool:
    """Whether this step goes on, with the next row of the input, and no other needs the last."""
    one, two = ROW.fullmatch(before.x), ROW.fullmatch(step.x)
    if not one or not two or (one[1], int(one[2]) + 1) != (two[1], int(two[2])):
        return False
    needed = "\n".join([*(str(each).partition(" = ")[2] for each in later), ending])
    taken = before.number in {int(number) for _, number in MADE.findall(needed)}
    return not taken and before.network == step.network and step.given == [before.final]


def loop(steps: list[Step]) -> Iterator[str]:
    last, match = steps[-1], ROW.fullmatch(steps[0].x)
    assert match
    first = "" if match[2] == "0" else f"{match[2]}, "
    x = f"{match[1]}{'t:t + 1' if match[3] else 't'}{match[4]}"
    yield f"{last.final.strip('()')} = {', '.join(steps[0].state)}"
    yield f"for t in range({first}{int(match[2]) + len(steps)}):"
    yield f"    {last._replace(x=x, state=(last.final,))}"


def renumbered(lines: list[str]) -> list[str]:
    """Results numbered from 1 as they come; the only one has no number."""
    numbers = list(dict.fromkeys(number for _, number in MADE.findall("\n".join(lines))))
    new = {old: str(n) if len(numbers) > 1 else "" for n, old in enumerate(numbers, 1)}
    return [MADE.sub(lambda made: made[1] + new[made[2]], line) for line in lines]
