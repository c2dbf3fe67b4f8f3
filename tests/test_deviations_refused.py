"""Files of known deviations that are refused, each in one line that says where and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from deviations_kit import ENTRY, but
from rnnspec.deviations import Refused, load
from rnnspec.deviations.reading import read

REFUSED = {
    but("clause"): (2, "clause is missing: the id of a clause"),
    but("implementation"): (2, "implementation is missing"),
    but("reason"): (2, "reason is missing"),
    but("link"): (2, "link is missing: the https address of an issue"),
    but("seen"): (2, "seen is missing"),
    but("check"): (2, "a FAIL needs a check, or what it raises"),
    but("clause", '"ELM-99"'): (2, "there is no clause ELM-99"),
    but("clause", '"elm"'): (8, "clause = 'elm' is not the id of a clause"),
    but("clause", "7"): (8, "clause = 7 is not the id of a clause"),
    but("reason", '" "'): (8, "reason = ' ' is not what is wrong"),
    but("reason", "2026-11-25"): (8, "is not what is wrong"),
    but("link", '""'): (8, "link = '' is not the https address"),
    but("link", '"http://example.org/1"'): (8, "is not the https address"),
    but("seen", '"2026-11-25"'): (8, "seen = '2026-11-25' is not the date"),
    but("seen", "2026-11-25T10:00:00"): (8, "is not the date when it was last seen"),
    but("seen", "2026-02-30"): (8, "this is not TOML: Invalid date"),
    but("check", "[]"): (8, "check = [] is not a part of the first line"),
    but("check", '["a", 1]'): (8, "check = ['a', 1] is not"),
    but("dtype", "true"): (9, "dtype = True is not a dtype or several"),
    but("differ", "[1]"): (9, "differ = [1] is not the least and the largest"),
    but("differ", "[true, 1]"): (9, "differ = [True, 1] is not"),
    but("differ", "[10, 1]"): (2, "differ = [10, 1] is no band"),
    but("differ", "[0, inf]"): (2, "differ = [0, inf] is no band"),
    but("differ", "[nan, 1]"): (2, "is no band"),
    but("outcome", '"PASS"'): (9, "outcome = 'PASS' is not one of FAIL, CRASH and TIMEOUT"),
    but("outcome", '["FAIL", "FAIL"]'): (9, "is not one of"),
    but("outcome", '"CRASH"'): (2, "a CRASH needs a signal"),
    but("outcome", '"TIMEOUT"'): (2, "check and raises are about a FAIL"),
    but("signal", '"SIGSEGV"'): (2, "signal is about a CRASH"),
    but("raises", '"ValueError"'): (2, "write two entries"),
    but("check") + 'raises = "ValueError"\ndiffer = [1, 2]\n': (2, "differ needs a check"),
    but("versions", '{ torch = "two" }'): (2, "'two' for torch is no version specifier"),
    but("versions", "{ torch = 2.1 }"): (9, "is not a table of distributions"),
    but("versions", '">=2"'): (9, "versions = '>=2' is not a table"),
    but("vresions", "1"): (9, "'vresions' is not one of clause, implementation, versions"),
    ENTRY + ENTRY.replace('"an old bug"', '""'): (14, "reason = '' is not what is wrong"),
    ENTRY + "\n\n[[deviation]]\n": (11, "clause is missing"),
    "a = 1\n" + ENTRY: (1, "'a' is not one of deviation"),
    "\n[tool]\nx = 1\n": (2, "'tool' is not one of deviation"),
    ENTRY.replace("[[deviation]]", "[deviation]"): (2, "an entry begins with [[deviation]]"),
    "deviation = [7]\n": (1, "an entry begins with [[deviation]]"),
    ENTRY + "seen = 2026-11-25\n": (9, "this is not TOML: Cannot overwrite a value"),
    ENTRY + "x = '''\n\n": (9, "this is not TOML"),
    ENTRY + "x = " + "[" * 5000: (1, "this is not TOML"),
    ENTRY + "x = " + "1" * 5000: (1, "this is not TOML"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items(), ids=range(len(REFUSED)))
def test_refused(text: str, said: tuple[int, str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(Refused) as raised:
        load(["mine.toml"], tmp_path)
    line, reason = said
    assert str(raised.value).startswith(f"mine.toml:{line}: ")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\n\n# \xff\n", "x.toml:3: this is not UTF-8"), (None, "x.toml:1: cannot be read: No such file")],
)
def test_what_cannot_be_read(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(Refused) as raised:
        load(["x.toml"], tmp_path)
    assert str(raised.value).startswith(said)


def test_a_file_without_entries(tmp_path: Path) -> None:
    """As when the last has been taken out."""
    (tmp_path / "none.toml").write_text("# none\n")
    assert read(tmp_path / "none.toml") == ()
