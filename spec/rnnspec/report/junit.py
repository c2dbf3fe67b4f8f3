"""Results as JUnit's XML, for CI systems: a suite for each implementation and device, a case for each row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from ..result import BAD, Row
from .standing import Standing, chapter, first_line

IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no way to write."""


def document(found: Sequence[Standing]) -> str:
    """FAIL and FIXED are failures, CRASH, TIMEOUT and ERROR errors, NOT CLAIMED and KNOWN are skipped."""
    root = ElementTree.Element("testsuites", name="rnnspec")
    for each in found:
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_possible(f"{each.implementation} on {each.device}"),
            tests=str(len(each.rows)),
            failures=str(each.count["FAIL"] + each.count["FIXED"]),
            errors=str(each.count["CRASH"] + each.count["TIMEOUT"] + each.count["ERROR"]),
            skipped=str(each.count["NOT CLAIMED"] + each.count["KNOWN"]),
            time=f"{sum(row.seconds for row in each.rows):.6f}",
            timestamp=_possible(str(each.head.get("date", ""))[:19]),
        )
        for row in each.rows:
            suite.append(_case(row))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _case(row: Row) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        classname=_possible(f"rnnspec.{chapter(row.clause)}"),
        name=_possible(f"{row.clause}[{row.implementation}-{row.device}-{row.dtype}-{row.case}]"),
        time=f"{row.seconds:.6f}",
    )
    if row.outcome != "PASS":
        kind = "skipped" if row.outcome not in BAD else "failure" if row.outcome in FAILURES else "error"
        said = f"{row.outcome}: {first_line(row.message)}"
        told = ElementTree.SubElement(case, kind, message=_possible(said))
        told.text = _possible("\n\n".join(filter(None, (row.message, row.reproducer))))
    return case


FAILURES = ("FAIL", "FIXED")


def _possible(text: str) -> str:
    return IMPOSSIBLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
