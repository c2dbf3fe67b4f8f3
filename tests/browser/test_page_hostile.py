"""What results say shows as text in a browser, and a page that asks for anything else is noticed."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from markupsafe import Markup

from page_kit import HOSTILE, Visit, file, hostile, row
from rnnspec.report import page as package
from rnnspec.report.page import page
from rnnspec.report.page.text import visible


def elements(tab: Any) -> dict[str, int]:
    return {tag: tab.locator(tag).count() for tag in ("script", "style", "img", "b", "body", "html")}


def test_every_text_of_a_hostile_file_shows_as_text(visit: Visit) -> None:
    tab = visit([hostile()])
    before = elements(tab)
    assert before == {**before, "script": 2, "style": 1, "img": 0, "body": 1, "html": 1}
    assert visible(f"{HOSTILE}impl") in tab.locator("article h3").text_content()
    tab.get_by_role("button", name="Open all chapters").click()
    for cell in tab.locator("td > button").all():
        cell.click()
        for case in tab.locator("aside .case:not([open]) summary").all():
            case.click()
        tab.locator("aside .case[open] pre").first.wait_for()
    assert elements(tab) == before


def test_a_message_and_a_script_are_shown_whole(visit: Visit) -> None:
    (_, _, rows) = named = hostile()
    tab = visit([named])
    tab.locator("article ul.bad a", has_text="clause").click()
    texts = tab.locator("aside pre").all_text_contents()
    assert texts[:2] == [visible(rows[0].message), visible(rows[0].reproducer)]
    assert visible(rows[0].case) == tab.locator("aside .case code").first.text_content()
    assert visible(rows[0].clause) == tab.locator("aside h2").text_content()
    assert "No command can be written for these names." in tab.locator("aside").inner_text()


def test_kernels_are_shown_where_a_row_has_them(visit: Visit) -> None:
    name = HOSTILE + "addmm"
    tab = visit([file([row(kernels=name), row(case="LSTM-T1-B1-I1-H1")])], "#LSTM-1/mine/cpu/float32")
    for case in tab.locator("aside .case summary").all():
        case.click()
    shown = [text for text in tab.locator("aside .case p").all_text_contents() if "Kernels" in text]
    assert shown == [f"Kernels: {visible(name)}"]


def test_a_script_is_copied_as_it_is_and_not_as_it_is_shown(visit: Visit) -> None:
    script = "x = '\u202e</script>\u2028é'\n"
    tab = visit([file([row(outcome="FAIL", reproducer=script)])], "#LSTM-1/mine/cpu/float32")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert tab.locator("aside pre").first.text_content() == r"x = '\u202e</script>\u2028é'" + "\n"
    tab.get_by_role("button", name="Copy the script").click()
    tab.get_by_role("button", name="Copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == script


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("mypkg.rnn:Net", "--rnn mypkg.rnn:Net"),
        ("a b", "--rnn 'a b'"),
        ("it's; rm -rf $HOME", """--rnn 'it'"'"'s; rm -rf $HOME'"""),
        ("--output=x", "--rnn='--output=x'"),
        ("", "--rnn ''"),
    ],
)
def test_a_command_quotes_names(visit: Visit, name: str, written: str) -> None:
    tab = visit([file([row(outcome="FAIL", implementation=name)])])
    tab.locator("article ul.bad a").click()
    command = "rnnspec reproduce LSTM-1 --case LSTM-T5-B3-I4-H7 %s --dtype float32 --device cpu"
    assert tab.locator("aside pre").last.text_content() == command % written


@pytest.mark.parametrize("name", ["a\nrm -rf ~\n", "\x1b[201~rm", "a\u202eb"])
def test_there_is_no_command_with_a_name_that_could_end_a_paste(visit: Visit, name: str) -> None:
    tab = visit([file([row(outcome="FAIL", implementation=name)])])
    tab.locator("article ul.bad a").click()
    tab.get_by_text("No command can be written").wait_for()
    assert not tab.get_by_role("button", name="Copy the command").count()


def test_filters_and_the_search_take_hostile_words(visit: Visit) -> None:
    files = [hostile(), file([row("GRU-2")])]
    tab = visit(files)
    tab.get_by_label("Search").fill("<img src=x")
    tab.get_by_text("3 of 4 clauses").wait_for()
    tab.locator("[data-filter=rnn] input").first.check()
    tab.get_by_label("Search").fill("")
    tab.get_by_text("3 of 4 clauses").wait_for()
    assert tab.locator("thead .group").last.is_hidden()
    again = visit(files, tab.url.partition(".html")[2])
    assert again.locator("[data-filter=rnn] input").first.is_checked()


def test_the_policy_refuses_the_network(visit: Visit, problems: list[str]) -> None:
    tab = visit([file([row()])])
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        limit = "{signal: AbortSignal.timeout(2000)}"  # lest a page without the policy wait for ever
        asked = tab.evaluate(f"fetch('{address}', {limit}).then(() => 'got', () => 'refused')")
        tab.evaluate(f"document.body.append(Object.assign(new Image(), {{src: '{address}'}}))")
        with pytest.raises(TimeoutError):
            server.accept()
    assert asked == "refused"
    for blocked in ("Connecting to", "Loading the image"):
        assert any(problem.startswith(f"console: {blocked}") for problem in problems)
    problems.clear()


def test_a_page_that_embeds_data_as_it_is_would_be_noticed(
    visit: Visit, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "embedded", lambda value: Markup(json.dumps(value)))
    visit([hostile("</script><script>alert(1)</script>")])
    assert problems
    problems.clear()


def test_a_template_that_does_not_escape_would_be_noticed(
    visit: Visit, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("markupsafe._escape_inner", lambda text: text, raising=True)
    text = page([hostile("<img src=x onerror=alert(1)>")])
    monkeypatch.undo()
    visit(text)
    assert problems
    problems.clear()


def test_a_script_that_writes_markup_would_be_noticed(visit: Visit, problems: list[str]) -> None:
    text = page([hostile("<img src=x onerror=alert(1)>")])
    safe = "made.append(...children.map((child) => (child instanceof Node ? child : visible(child))));"
    assert safe in text
    markup = (
        "for (const child of children) child instanceof Node ? made.append(child) : made.innerHTML += child;"
    )
    before, _, rest = text.replace(safe, markup).partition('<meta http-equiv="Content-Security-Policy"')
    tab = visit(before + rest.partition(">")[2])
    tab.locator("article ul.bad a").first.click()
    tab.wait_for_timeout(300)
    assert "dialog: 1" in problems
    problems.clear()
