"""Files that somebody spoilt, 200 of them: each is read as it is written, or refused with file and line."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rnnspec import result
from rnnspec.cli import app
from rnnspec.deviations.reading import read
from rnnspec.source import Refused

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MANY = 100

TOML = """\
# What is wrong with mine.

[[deviation]]
clause = "PAD-10"
implementation = "mine:RNN"
versions = { torch = ">=1.13", "pytest" = ">=8.2,<99" }
device = "cpu"
dtype = ["float32", "*16"]
check = ["lengths [6, 4, 3] for 5 steps is accepted", "is not what it must be"]
differ = [1e-3, 10]
reason = "it accepts what it must not: größer"
link = "https://example.org/issues/1"
seen = 2026-11-25

[[deviation]]
clause = "TRN-8"
implementation = "mine:LSTM"
mode = "LSTM"
case = "LSTM-*-P3*"
raises = "RuntimeError: Batching rule not implemented"
reason = '''there is
no rule'''
link = "https://example.org/issues/2#here"
seen = 2025-01-31

[[deviation]]
clause = "ERR-7"
implementation = "mine:LSTM"
outcome = ["CRASH", "TIMEOUT"]
signal = ["SIGSEGV", "SIGABRT"]
reason = "it reads out of bounds"
link = "https://example.org/issues/3"
seen = 2026-02-28
"""

VALUES = ("1", "true", "-0.5", "nan", "inf", '""', '"x"', "[]", '["x"]', "2026-11-25", "null", "{}", "1e999")


def results(path: Path) -> str:
    """A file of eight rows."""
    outcomes = ("PASS", "FAIL", "NOT CLAIMED", "KNOWN", "FIXED", "CRASH", "TIMEOUT", "ERROR")
    rows = [
        result.Row(
            f"SEQ-{n}", "MUST", "RNN-T5-B3-I4-H7", "RNN", "mine:RNN", "cpu", "float32", outcome,
            n / 9 or None, f"größer\n  differ   {n}\u2028", n / 7,
        )
        for n, outcome in enumerate(outcomes)
    ]  # fmt: skip
    result.write(path, {"rnnspec": "0.1.0", "torch": "2.13.0", "rows": len(rows)}, rows)
    return path.read_text("utf-8")


Spoil = Callable[[bytes, random.Random], bytes]


def a_byte(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + bytes([chance.randrange(256)]) + text[at + chance.randrange(2) :]


def a_letter(text: bytes, chance: random.Random) -> bytes:
    at = chance.choice([found.start() for found in re.finditer(rb"\w", text)])
    return text[:at] + chance.choice([b"a", b"Z", b"7", b"-"]) + text[at + 1 :]


def bytes_left_out(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + text[at + chance.randrange(1, 40) :]


def the_end(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text))]


def lines(text: bytes, chance: random.Random) -> bytes:
    """One left out, one twice, or two in each other's place."""
    found = text.splitlines(keepends=True)
    at, other = chance.sample(range(len(found)), 2)
    how = chance.randrange(3)
    if how == 0:
        del found[at]
    elif how == 1:
        found.insert(other, found[at])
    else:
        found[at], found[other] = found[other], found[at]
    return b"".join(found)


def a_word(text: bytes, chance: random.Random) -> bytes:
    """Misspelt, or another one of the file in its place."""
    words = list(re.finditer(rb"\w+", text))
    found, other = chance.sample(words, 2)
    new = other[0] if chance.randrange(2) else found[0][::-1] + b"x"
    return text[: found.start()] + new + text[found.end() :]


def a_type(text: bytes, chance: random.Random) -> bytes:
    """A value of another kind."""
    values = re.compile(rb'(?<=[=:,\[] )("[^"\n]*"|[-\d.e]+|true|null)|(?<=^seen = )\S+', re.MULTILINE)
    found = chance.choice(list(values.finditer(text)))
    return text[: found.start()] + chance.choice(VALUES).encode() + text[found.end() :]


WAYS: tuple[Spoil, ...] = (a_byte, a_letter, bytes_left_out, the_end, lines, a_word, a_type)


def spoilt(text: str, number: int) -> bytes:
    """The same for the same number."""
    chance = random.Random(number)
    found = text.encode()
    for _ in range(1 + number % 2):
        found = WAYS[number % len(WAYS)](found, chance) or b" "
    return found


def refusal(error: Refused, path: Path, content: bytes) -> int:
    """The line that it names, which there is, in one line of text."""
    found = re.fullmatch(rf"{re.escape(str(path))}:(\d+): \S.*", str(error))
    assert found, str(error)
    assert 1 <= int(found[1]) <= content.count(b"\n") + 1
    return int(found[1])


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    return results(tmp_path_factory.mktemp("results") / "rows.jsonl")


SEEN: Counter[tuple[str, bool]] = Counter()
"""How many were read and how many refused, by the kind of file."""


@pytest.mark.parametrize("number", range(MANY))
def test_deviations(number: int, tmp_path: Path) -> None:
    path, content = tmp_path / "mine.toml", spoilt(TOML, number)
    path.write_bytes(content)
    try:
        entries = read(path)
    except Refused as error:
        refusal(error, path, content)
        SEEN["deviations", False] += 1
        return
    SEEN["deviations", True] += 1
    tables = tomllib.loads(content.decode()).get("deviation", [])
    assert len(entries) == len(tables)
    for entry, table in zip(entries, tables, strict=True):
        for key, value in table.items():
            assert as_read(key, value) == getattr(entry, key), key


def as_read(key: str, value: Any) -> Any:
    if key in ("reason", "link"):
        return " ".join(value.split())
    several = key in ("device", "dtype", "mode", "case", "outcome", "check", "raises", "signal")
    return (
        (value,) if several and isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    )


@pytest.mark.parametrize("number", range(MANY))
def test_results(number: int, rows: str, tmp_path: Path) -> None:
    path, content = tmp_path / "rows.jsonl", spoilt(rows, number)
    path.write_bytes(content)
    try:
        head, found = result.read(path)
    except Refused as error:
        refusal(error, path, content)
        SEEN["results", False] += 1
        return
    SEEN["results", True] += 1
    first, *rest = content.decode().rstrip("\n").split("\n")
    assert head == json.loads(first)["header"]
    assert [vars(row) for row in found] == [json.loads(line) for line in rest]


def test_some_are_read_and_more_are_refused() -> None:
    if sum(SEEN.values()) == 2 * MANY:  # all ran, in this process
        assert min(SEEN[kind, read] for kind in ("deviations", "results") for read in (True, False)) >= 10, (
            SEEN
        )


class TestLines:
    """What is refused is refused where it stands."""

    @pytest.mark.parametrize("number", range(40))
    def test_of_results(self, number: int, rows: str, tmp_path: Path) -> None:
        content, at = rows.encode().split(b"\n"), 1 + number % 8
        chance = random.Random(number)
        content[at] = chance.choice([a_type, the_end, a_word])(content[at], chance)
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\n".join(content))
        line = at + 1
        try:
            result.read(path)
        except Refused as error:
            line = refusal(error, path, b"\n".join(content))
        assert line == at + 1

    @pytest.mark.parametrize("number", range(40))
    def test_of_deviations(self, number: int, tmp_path: Path) -> None:
        """The line of the key, or that at which its entry begins."""
        content, chance = TOML.split("\n"), random.Random(number)
        at = chance.choice([n for n, line in enumerate(content) if re.match(r"(?!reason|diff)\w+ = ", line)])
        key = content[at].partition(" ")[0]
        content[at] = f"{key} = {chance.choice(['1', 'true', '[[1]]', '{ x = [] }'])}"
        path = tmp_path / "mine.toml"
        path.write_text("\n".join(content))
        with pytest.raises(Refused) as raised:
            read(path)
        assert refusal(raised.value, path, path.read_bytes()) == at + 1
        assert key in str(raised.value)


NO_FILE: dict[bytes | None, str] = {
    None: "cannot be read: Is a directory",
    b"": "this is not JSON",
    b"\x00\xff\xfe": "this is not UTF-8",
    b"[1]\n": "this is no JSON object",
    b"{}\n": "this is no header",
    b'{"header": 1}\n': "this is no header",
    b'{"header": {}}\n': "rows = None is no number of rows",
    b'{"header": {"rows": true}}\n': "rows = True is no number of rows",
    b'{"header": {"rows": 1}}\n': "there are 0 rows where 1 were expected",
    b'{"header": {"rows": 1, "rows": 0}}\n': "this is not JSON: a key stands twice",
    b'{"header": {"rows": 0, "x": NaN}}\n': "this is not JSON: NaN is no number",
    b"[" * 100_000: "this is not JSON",
    b'{"header": {"rows": ' + b"1" * 5000 + b"}}": "this is not JSON",
}


@pytest.mark.parametrize("content", NO_FILE, ids=range(len(NO_FILE)))
def test_no_file_of_results(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}:1: {NO_FILE[content]}"):
        result.read(path)


ROW: list[tuple[str, Any, str]] = [
    ("outcome", "GOOD", "outcome = 'GOOD' is not one of PASS, FAIL"),
    ("outcome", ["PASS"], "is not one of PASS"),
    ("level", "OUGHT", "level = 'OUGHT' is not one of MUST"),
    ("mode", "SRU", "mode = 'SRU' is not one of RNN"),
    ("dtype", "float8", "dtype = 'float8' is not one of float64"),
    ("headroom", True, "headroom = True is not a number or null"),
    ("headroom", "1", "headroom = '1' is not a number or null"),
    ("headroom", 10**400, "is not a number or null"),
    ("seconds", -1, "seconds = -1 is not a number"),
    ("seconds", None, "seconds = None is not a number"),
    ("message", None, "message = None is not a string"),
    ("colour", "red", "colour is no key of a row"),
    ("clause", ..., "clause is missing"),
    ("clause", "SEQ-1", "this is the row of line 3 once more"),
]


@pytest.mark.parametrize(("key", "value", "said"), ROW, ids=range(len(ROW)))
def test_no_row_of_results(key: str, value: Any, said: str, rows: str, tmp_path: Path) -> None:
    lines = rows.split("\n")
    row = json.loads(lines[3]) | {key: value}
    lines[3] = json.dumps({k: v for k, v in row.items() if v is not ...})
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        result.read(path)
    assert str(raised.value).startswith(f"{path}:4: ")


def test_what_a_message_may_hold(tmp_path: Path) -> None:
    """Breaks that are none of a file's lines, control characters, and halves of a character."""
    text = "a\u2028b\u2029c\x85d\x0be\x1cf\r\n\ud800\x00\x7f"
    row = result.Row("SEQ-1", "MUST", "", "RNN", "mine", "cpu", "float32", "FAIL", None, text, 0.0)
    result.write(tmp_path / "rows.jsonl", result.header(1, []), [row])
    assert result.read(tmp_path / "rows.jsonl")[1] == [row]
    found = CliRunner().invoke(app, ["deviations", "--suggest", str(tmp_path / "rows.jsonl")])
    assert found.exit_code == 0
    assert tomllib.loads(found.stdout)["deviation"][0]["check"] == "a\u2028b\u2029c\x85d\x0be\x1cf"


@pytest.mark.parametrize("number", range(0, MANY, 17))
@pytest.mark.parametrize("option", ["--rnn-deviations", "--suggest"])
def test_through_the_command(option: str, number: int, rows: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = spoilt(rows if option == "--suggest" else TOML, number)
    path.write_bytes(content)
    found = CliRunner().invoke(app, ["deviations", option, str(path)])
    assert found.exit_code in (0, 2), found.exception
    if found.exit_code == 2:
        assert re.fullmatch(rf"rnnspec: {re.escape(str(path))}:\d+: .+\n", found.stderr)


@pytest.mark.parametrize("number", range(0, MANY, 17))
def test_through_pytest(number: int, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    (pytester.path / "mine.toml").write_bytes(spoilt(TOML, number))
    run = pytester.runpytest_inprocess("--rnn-deviations=mine.toml", "--rnn-device=cpu")
    if run.ret == pytest.ExitCode.USAGE_ERROR:
        (line,) = [line for line in run.errlines if line.strip()]
        assert re.fullmatch(r"ERROR: --rnn-deviations: mine\.toml:\d+: .+", line)
    else:
        assert run.ret == pytest.ExitCode.NO_TESTS_COLLECTED
        read(pytester.path / "mine.toml")


def test_the_file_that_is_spoilt_is_right(rows: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    assert [entry.seen for entry in read(tmp_path / "mine.toml")] == [
        date(2026, 11, 25), date(2025, 1, 31), date(2026, 2, 28)
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text(rows)
    assert len(result.read(tmp_path / "rows.jsonl")[1]) == 8
