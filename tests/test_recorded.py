"""The recordings: their files, their way through syrupy, and who may write them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import syrupy
from jsonschema import Draft202012Validator

from rnnspec import recording
from rnnspec.recording import BadRecording, load, save

CONFTEST = """
from pathlib import Path
import pytest
from rnnspec import recording
from rnnspec.case import Case
from rnnspec.recorded import claim, recorded, refuse_update

HERE = Path(__file__).parent
recording.CHAPTERS = HERE / "chapters"
recording.snapshots_folder = lambda: recording.CHAPTERS / "../snapshots"

def pytest_addoption(parser):
    parser.addoption("--implementation", default="torch.nn")
    parser.addoption("--device", default="cpu")
    parser.addoption("--modes", default="GRU,LSTM")
    parser.addoption("--factor", type=float, default=1.0)
    parser.addoption("--span", type=float, default=1.0)

def pytest_configure(config):
    config.addinivalue_line("markers", "clause(id)")
    refuse_update(config, [config.option.implementation], [config.option.device])

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    whole = config.option.implementation == "torch.nn" and config.option.modes == "GRU,LSTM"
    claim(config, items, lambda item: item.callspec.params.get("case"), whole)

def pytest_generate_tests(metafunc):
    modes = metafunc.config.option.modes.split(",")
    cases = [Case(mode, T=3, seed=s, dtype=d) for mode in modes for s in (1, 2) for d in DTYPES]
    metafunc.parametrize("case", cases, ids=lambda case: f"{case}-{case.dtype}")

import torch
DTYPES = (torch.float32, torch.float64)

@pytest.fixture
def doubled(case, recorded, pytestconfig):
    \"\"\"The clause: the output is twice the input.\"\"\"
    def check(**changes):
        x = case.input.clone()
        wrong = 2 * x
        wrong[1, 2, 3] *= pytestconfig.option.factor
        words = dict(
            given={"input": x * pytestconfig.option.span},
            configuration={"hidden_size": case.H},
            dtype=torch.float64,
            oracle={"output": 2 * x.double()},
        )
        recorded.agrees({"output": wrong}, {"output": 1e-6}, **{**words, **changes})
    return check
"""

CHAPTERS = {
    "test_10_one": """
import pytest
@pytest.mark.clause(id="SEQ-9")
def test_it(doubled):
    doubled()
""",
    "test_20_two": """
import pytest
@pytest.mark.clause(id="INI-6")
def test_it(doubled):
    doubled()
""",
}

CASE = "GRU-T3-B3-I4-H7"
FILES = [f"{clause}-{mode}.json" for clause in ("INI-6", "SEQ-9") for mode in ("GRU", "LSTM")]

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A small specification of two clauses, each for two modes, two seeds and two dtypes."""
    for name in ("CHAPTERS", "snapshots_folder"):  # the conftest replaces them for good
        monkeypatch.setattr(recording, name, getattr(recording, name))
    monkeypatch.setattr(syrupy, "_syrupy", None)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    folder = pytester.mkdir("chapters")
    for name, text in CHAPTERS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")

    def run(*words: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "syrupy", *words)

    return run


@pytest.fixture
def snapshots(run: Run, pytester: pytest.Pytester) -> Path:
    """The folder of the small specification's recordings, written."""
    run("--snapshot-update").assert_outcomes(passed=8, skipped=8)
    return pytester.path / "snapshots"


def edited(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rewrite(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The files.


def test_one_file_per_clause_and_mode_is_written_and_read(run: Run, snapshots: Path) -> None:
    assert sorted(path.name for path in snapshots.iterdir()) == FILES
    result = run()
    result.assert_outcomes(passed=16)
    result.stdout.fnmatch_lines(["8 snapshots passed."])


def test_a_file_is_valid_sorted_and_laid_out_in_rows(snapshots: Path) -> None:
    text = (snapshots / "SEQ-9-GRU.json").read_text(encoding="utf-8")
    content = json.loads(text)
    validator().validate(content)
    assert [*content["cases"]] == [CASE, f"{CASE}-seed2"]
    entry = content["cases"][CASE]
    assert entry["written_by"]["dtype"] == entry["given"]["input"]["dtype"] == "float64"
    row = json.dumps(entry["result"]["output"]["values"][0][0])
    assert f"\n              {row},\n" in text
    assert text.endswith("}\n")
    assert "\r" not in text


def validator() -> Draft202012Validator:
    schema = json.loads((shipped() / "schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def shipped() -> Path:
    return Path(__file__).parent.parent / "snapshots"


@pytest.mark.parametrize("path", sorted(shipped().glob("*-*.json")), ids=lambda path: path.stem)
def test_a_shipped_file_is_valid(path: Path) -> None:
    validator().validate(json.loads(path.read_text(encoding="utf-8")))
    assert load(path)


def test_the_folder_is_the_checkouts() -> None:
    assert recording.snapshots_folder().resolve() == shipped().resolve()


def input_of(content: Any) -> Any:
    return content["cases"][CASE]["given"]["input"]


BROKEN: dict[str, Callable[[Any], object]] = {
    "/: there is no 'clause'": lambda c: c.pop("clause"),
    "/: 'note' is not one of": lambda c: c.update(note=""),
    "/mode: 'GRUCell' in a file of this name": lambda c: c.update(mode="GRUCell"),
    "/cases: an object": lambda c: c.update(cases={}),
    f"/cases/{CASE}: there is no 'result'": lambda c: c["cases"][CASE].pop("result"),
    f"/cases/{CASE}/written_by/device: 'cuda'": lambda c: c["cases"][CASE]["written_by"].update(
        device="cuda"
    ),
    f"/cases/{CASE}/given/input: there is no 'shape'": lambda c: input_of(c).pop("shape"),
    f"/cases/{CASE}/given/input/dtype: 'float8'": lambda c: input_of(c).update(dtype="float8"),
    f"/cases/{CASE}/given/input/shape: [3, -3, 4]": lambda c: input_of(c).update(shape=[3, -3, 4]),
    f"/cases/{CASE}/given/input/values: the shape asks for 3 entries here, not 2": lambda c: input_of(c)[
        "values"
    ].pop(),
    f"/cases/{CASE}/given/input/values/1/2: the shape asks for 4": lambda c: input_of(c)["values"][1][
        2
    ].append(0.0),
    f"/cases/{CASE}/given/input/values/0/1/2: 'Nan'": lambda c: input_of(c)["values"][0][1].__setitem__(
        2, "Nan"
    ),
    f"/cases/{CASE}/given/input/values/0/1/2: True": lambda c: input_of(c)["values"][0][1].__setitem__(
        2, True
    ),
    f"/cases/{CASE}/given/input/values/0/0/0:": lambda c: input_of(c).update(dtype="float32"),
}

BEYOND_THE_SCHEMA = ("in a file of this name", "the shape asks", "values/0/0/0")
"""What a schema cannot tell."""


@pytest.mark.parametrize("place", BROKEN)
def test_a_broken_file_is_an_error_with_its_place(run: Run, snapshots: Path, place: str) -> None:
    path = snapshots / "SEQ-9-GRU.json"
    edited(path, BROKEN[place])
    beyond = any(words in place for words in BEYOND_THE_SCHEMA)
    assert validator().is_valid(json.loads(path.read_text(encoding="utf-8"))) == beyond
    with pytest.raises(BadRecording) as raised:
        load(path)
    assert str(raised.value).startswith(f"snapshots/SEQ-9-GRU.json: {place}")
    result = run("-k", "SEQ or one")
    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines([f"E *BadRecording: snapshots/SEQ-9-GRU.json: {escaped(place)}*"])


def escaped(text: str) -> str:
    return text.replace("[", "[[]")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (b"}\n", b"", r"line \d+, column \d+: Expecting"),
        (b'"SEQ-9"', b'"SEQ-9\xff"', "'utf-8' codec"),
        (b'"mode":', b'"clause":', "the key 'clause' is there twice"),
        (b"7\n", b"NaN\n", "NaN is not JSON"),
        (b"7\n", b"7,\n", r"line \d+"),
    ],
)
def test_bad_json_is_an_error_with_its_place(snapshots: Path, old: bytes, new: bytes, place: str) -> None:
    path = snapshots / "SEQ-9-GRU.json"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(BadRecording, match=f"^snapshots/SEQ-9-GRU.json: {place}"):
        load(path)


@pytest.mark.parametrize("body", ["doubled()", "1 / 0"])
def test_an_update_neither_mends_nor_deletes_a_broken_file(
    run: Run, snapshots: Path, pytester: pytest.Pytester, body: str
) -> None:
    path = snapshots / "INI-6-GRU.json"
    path.write_bytes(path.read_bytes()[:500])
    rewrite(pytester.path / "chapters/test_20_two.py", "doubled()", body)
    before = contents(snapshots)
    assert run("--snapshot-update").ret == pytest.ExitCode.TESTS_FAILED
    assert contents(snapshots) == before


# Comparing.


@pytest.mark.parametrize("factor", ["1.5", "nan"])
def test_a_difference_is_shown_as_that_of_two_tensors(run: Run, snapshots: Path, factor: str) -> None:
    result = run("--factor", factor, "-k", "LSTM")
    result.assert_outcomes(failed=8)
    result.stdout.fnmatch_lines(["E  *output is not what it must be", "E  *where *t=1, b=2, h=3*"])
    result.stdout.no_fnmatch_line("*[[]+ received]*")


def test_a_difference_within_the_bound_agrees_and_is_not_written(run: Run, snapshots: Path) -> None:
    before = contents(snapshots)
    run("--factor", "1.0000001").assert_outcomes(passed=16)
    run("--factor", "1.0000001", "--snapshot-update").assert_outcomes(passed=8, skipped=8)
    assert contents(snapshots) == before


def test_another_case_of_the_same_name_is_an_error(run: Run, snapshots: Path) -> None:
    result = run("--span", "2", "chapters/test_10_one.py")
    result.assert_outcomes(passed=4, failed=4)  # float32 was given something else anyway
    result.stdout.fnmatch_lines(["*BadRecording*the given input is not as recorded*case has changed*"])


def test_another_configuration_is_an_error(run: Run, snapshots: Path) -> None:
    edited(
        snapshots / "SEQ-9-GRU.json",
        lambda c: c["cases"][CASE]["configuration"].update(hidden_size=8),
    )
    result = run()
    result.assert_outcomes(passed=14, failed=2)
    result.stdout.fnmatch_lines(["*the configuration is not as recorded*"])


def test_a_missing_entry_says_how_to_record_it(run: Run, snapshots: Path) -> None:
    edited(snapshots / "SEQ-9-GRU.json", lambda c: c["cases"].pop(CASE))
    (snapshots / "INI-6-LSTM.json").unlink()
    result = run()
    result.assert_outcomes(passed=10, failed=6)
    result.stdout.fnmatch_lines_random(
        [
            f"E *BadRecording: SEQ-9-GRU.json has no '{CASE}'. *"
            """pytest spec -m "clause(id='SEQ-9')" --snapshot-update""",
            "E *BadRecording: INI-6-LSTM.json has no 'LSTM-T3-B3-I4-H7'.*",
        ]
    )


def test_another_clauses_tensors_can_be_read(run: Run, snapshots: Path, pytester: pytest.Pytester) -> None:
    (pytester.path / "chapters/test_30_three.py").write_text(
        """
import pytest
@pytest.mark.clause(id="SEQ-8")
def test_it(case, recorded):
    entry = recorded.read("SEQ-9", case.mode, str(case))
    assert (2 * entry.given["input"]).equal(entry.result["output"])
    recorded.read("SEQ-9", case.mode, "GRU-T1")
""",
        encoding="utf-8",
    )
    result = run("chapters/test_30_three.py")
    result.assert_outcomes(failed=8)
    result.stdout.fnmatch_lines(["E *BadRecording: SEQ-9-GRU.json has no 'GRU-T1'.*'SEQ-9'*"])


# Writing.


@pytest.mark.parametrize("update", ["--snapshot-update", "--snapshot-update-new-only"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--implementation", "mine:Fast"], "only torch.nn writes recordings, not mine:Fast"),
        (["--device", "cuda"], "recordings are written on the cpu, not on cuda"),
        ([], "an installed rnnspec keeps its recordings"),
    ],
)
def test_only_the_reference_on_the_cpu_in_a_checkout_writes(
    run: Run,
    snapshots: Path,
    monkeypatch: pytest.MonkeyPatch,
    update: str,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.setattr(recording, "packaged", lambda: not words)
    (snapshots / "OLD-1-GRU.json").write_text("{}", encoding="utf-8")
    before = contents(snapshots)
    result = run(update, "--factor", "1.5", *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {update}: {message}*"])
    assert contents(snapshots) == before


@pytest.mark.parametrize("factor", ["1.5", "nan"])
def test_a_wrong_result_is_never_written(run: Run, snapshots: Path, factor: str) -> None:
    before = contents(snapshots)
    result = run("--snapshot-update", "--factor", factor)
    result.assert_outcomes(failed=8, skipped=8)
    result.stdout.fnmatch_lines(["E  *output is not what it must be"])
    assert contents(snapshots) == before


def test_an_item_of_another_dtype_does_not_write(run: Run, snapshots: Path) -> None:
    result = run("--snapshot-update", "-rs")
    result.stdout.fnmatch_lines(["SKIPPED*recordings are written in float64"])


def test_a_changed_case_is_recorded_anew(run: Run, snapshots: Path) -> None:
    result = run("--snapshot-update", "--span", "2", "-k", "one")
    result.assert_outcomes(passed=4, skipped=4)
    result.stdout.fnmatch_lines(["4 snapshots updated."])
    run("--span", "2", "-k", "one").assert_outcomes(passed=8)


def test_only_new_ones_are_written_on_request(run: Run, snapshots: Path) -> None:
    whole = contents(snapshots)
    edited(snapshots / "SEQ-9-GRU.json", lambda c: c["cases"].pop(CASE))
    result = run("--snapshot-update-new-only", "--span", "2", "-k", "one and GRU")
    result.assert_outcomes(passed=1, failed=1, skipped=2)
    run("--snapshot-update")
    assert contents(snapshots).keys() == whole.keys()


def test_writers_of_one_file_wait_for_each_other(tmp_path: Path, snapshots: Path) -> None:
    path = tmp_path / "SEQ-9-GRU.json"
    entry = json.loads((snapshots / path.name).read_text(encoding="utf-8"))["cases"][CASE]
    names = [f"GRU-T{n:02}" for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: save(path, lambda cases: cases.update({name: entry})), names))
    assert [*load(path)] == names
    assert [*tmp_path.glob("*SEQ*")] == [path]


def test_two_processes_write_whole_and_sorted_files(
    run: Run, snapshots: Path, pytester: pytest.Pytester
) -> None:
    whole = contents(snapshots)
    for path in snapshots.iterdir():
        path.unlink()
    words = ("-p", "syrupy", "-p", "xdist.plugin", "-n", "2")
    result = pytester.runpytest_subprocess(*words, "--snapshot-update")
    result.assert_outcomes(passed=8, skipped=8)
    result.stdout.fnmatch_lines(["8 snapshots generated."])
    assert contents(snapshots) == whole
    (snapshots / "OLD-1-GRU.json").write_text("{}", encoding="utf-8")
    result = pytester.runpytest_subprocess(*words)
    result.assert_outcomes(passed=16)
    result.stdout.fnmatch_lines(["8 snapshots passed. 1 snapshot unused."])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


# Unused recordings.


@pytest.fixture
def left_over(snapshots: Path) -> Path:
    """The recordings, a case and two files among them that nobody owns, and the schema."""
    edited(
        snapshots / "SEQ-9-GRU.json",
        lambda c: c["cases"].update({"GRU-T99": c["cases"][CASE]}),
    )
    shutil.copy(snapshots / "SEQ-9-LSTM.json", snapshots / "OLD-1-LSTM.json")
    rewrite(snapshots / "OLD-1-LSTM.json", "SEQ-9", "OLD-1")
    (snapshots / "notes.txt").touch()
    (snapshots / "schema.json").write_text("{}", encoding="utf-8")
    return snapshots


SYRUPY_SEES_FOLDERS = pytest.mark.skipif(
    version("syrupy").split(".")[0] < "7",
    reason="before 7, syrupy forgives what is unused as soon as a folder is named",
)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([], id="all"),
        pytest.param(["."], id="folder", marks=SYRUPY_SEES_FOLDERS),
        pytest.param(["chapters"], id="chapters", marks=SYRUPY_SEES_FOLDERS),
    ],
)
def test_a_complete_run_fails_for_what_nobody_owns(run: Run, left_over: Path, words: list[str]) -> None:
    result = run("--snapshot-details", *words)
    result.assert_outcomes(passed=16)
    result.stdout.fnmatch_lines_random(
        [
            "8 snapshots passed. 4 snapshots unused.",
            "Unused GRU-T99 (*snapshots/SEQ-9-GRU.json)",
            "Unused LSTM-*, LSTM-* (*snapshots/OLD-1-LSTM.json)",
            "Unused * (*snapshots/notes.txt)",
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    "words",
    [
        ["--implementation", "mine"],
        ["--modes", "GRU"],
        ["-k", "GRU"],
        ["-m", "clause(id='SEQ-9')"],
        ["chapters/test_10_one.py"],
        ["chapters/test_10_one.py::test_it"],
        ["--ignore", "chapters/test_20_two.py"],
    ],
    ids=" ".join,
)
def test_a_partial_run_passes_whatever_it_does_not_use(run: Run, left_over: Path, words: list[str]) -> None:
    result = run(*words)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*unused*")


def test_a_complete_update_deletes_what_nobody_owns(run: Run, left_over: Path) -> None:
    result = run("--snapshot-update")
    assert result.ret == pytest.ExitCode.OK
    assert sorted(path.name for path in left_over.iterdir()) == [*FILES, "schema.json"]
    assert "GRU-T99" not in load(left_over / "SEQ-9-GRU.json")


def test_a_clause_that_fails_early_keeps_its_recording(
    run: Run, snapshots: Path, pytester: pytest.Pytester
) -> None:
    before = contents(snapshots)
    rewrite(pytester.path / "chapters/test_20_two.py", "doubled()", "1 / 0")
    for words in [], ["--snapshot-update"]:
        result = run(*words)
        assert result.parseoutcomes()["failed"] == 8
        result.stdout.no_fnmatch_line("*unused*")
        assert contents(snapshots) == before
