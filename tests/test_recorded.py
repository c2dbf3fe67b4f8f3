"""Recordings on their way through syrupy: what is compared, who may write them, what is unused."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from recording_kit import CASE, FILES, Run, contents, edited, rewrite
from recording_kit import run as run  # a fixture
from recording_kit import snapshots as snapshots  # a fixture
from rnnspec import recording
from rnnspec.recording import load

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
