"""Parts of the page of results: texts that are embedded, fragments of links, and plots of headroom."""

from __future__ import annotations

import json

import pytest

from rnnspec.report.page.plot import BOUND, Plot, height, short
from rnnspec.report.page.text import embedded, fragment, visible


@pytest.mark.parametrize("text", ["</script>", "<!--", "a\u2028b", "\ud800", "&lt;", '"', "\\u003c", "\0"])
def test_embedded_data_reads_as_what_it_was(text: str) -> None:
    written = str(embedded({"text": text}))
    assert json.loads(written) == {"text": text}
    assert not set(written) & {"<", ">", "&", "\u2028", "\ud800"}


def test_a_fragment_can_be_taken_apart() -> None:
    assert fragment("LSTM-1", "torch.nn", "cuda:0") == "LSTM-1/torch.nn/cuda%3A0"
    assert "/" not in fragment("a/b?#")
    assert fragment("\ud800") == r"%5Cud800"
    assert visible("\ud800\n\t") == "\\ud800\n\t"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (1, "1"),
        (1.001, ">1"),
        (0.0307, "0.031"),
        (1.2e-4, "1.2e-4"),
        (2.5e7, "2.5e7"),
        (1e4, "1e4"),
        (1.7e308, "1e308"),
    ],
)
def test_headroom_in_two_digits_does_not_cross_the_bound(value: float, said: str) -> None:
    assert short(value) == said


def test_a_plot_is_in_order_and_tells_what_is_beyond_the_bound() -> None:
    plot = Plot([1e-3, None, 1.0, 30.0], ["a", "b", "c", "d"])
    assert plot.within.count("M") == 2
    assert plot.beyond.count("M") == 1
    assert height(1e-3) > BOUND == height(1) > height(30.0)
    assert height(0) == height(1e-9) == height(1e-6)
    assert height(1e300) == height(100)
    assert plot.said == "error ÷ bound of 3 columns: 0.001 to 30, the most in d; beyond the bound in 1"
