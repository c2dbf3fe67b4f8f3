"""The page of results in a real browser: Debian's chromium, driven by Playwright, which downloads nothing.

Where one of the two is missing the tests are skipped; with RNNSPEC_BROWSER=required they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from page_kit import Named, Visit, missing, real
from rnnspec.report.page import page


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A headless browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("there is no Playwright: pip install rnnspec[browser]")
    if chromium is None:
        missing("there is no chromium: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def problems() -> list[str]:
    """What went wrong on the pages that were visited; a test that wants it so empties the list."""
    return []


@pytest.fixture
def visit(browser: Any, problems: list[str], tmp_path: Path) -> Iterator[Visit]:
    """Opens a page: of files, or a text. No dialog, error, message or request may come of it."""
    contexts: list[Any] = []

    def opened(files: Sequence[Named] | str, fragment: str = "", **options: Any) -> Any:
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(files if isinstance(files, str) else page(files), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        tab.on("console", lambda message: problems.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on("request", lambda asked: problems.extend(_elsewhere(asked.url, path)))
        tab.on("dialog", dialog)
        tab.goto(path.as_uri() + fragment)
        return tab

    def dialog(shown: Any) -> None:
        problems.append(f"dialog: {shown.message}")
        shown.dismiss()

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def _elsewhere(address: str, path: Path) -> list[str]:
    """A request for something else than the page itself."""
    own = address.partition("#")[0] == path.as_uri() or address == "data:,"
    return [] if own else [f"request: {address}"]


@pytest.fixture(scope="package")
def wrong_class(tmp_path_factory: pytest.TempPathFactory) -> Named:
    """Results of a real run of a wrong class, and of torch beside it."""
    return real(tmp_path_factory.mktemp("run"), "wrong:IgnoresH", "torch.nn")


@pytest.fixture
def pictured(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """Keeps a picture of a tab in the folder that RNNSPEC_SCREENSHOTS names."""

    def kept(tab: Any, name: str) -> None:
        if folder := os.environ.get("RNNSPEC_SCREENSHOTS"):
            tab.wait_for_timeout(200)
            tab.screenshot(path=Path(folder) / f"{name}.png")

    return kept
