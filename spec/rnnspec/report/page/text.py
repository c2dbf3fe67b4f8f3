"""Text from results is data: how it is shown, put into a script element, and made a part of a link."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

HIDDEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff]"
)
"""What has no shape of its own, or changes the order of what is around it; page.js has the same."""

BREAKS = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
"""What could end a script element, or is no character; JSON has another way to write it."""


def visible(value: Any) -> Any:
    """A text in which such characters are written out, as \\u202e; anything else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return HIDDEN.sub(_escape, value)


def embedded(value: Any) -> Markup:
    """JSON that is safe within a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(BREAKS.sub(_escape, text))


def fragment(*words: str) -> str:
    """The words as a part of an address: `LSTM-1/torch.nn/cpu/float32`."""
    return "/".join(quote(word.encode("utf-8", "backslashreplace"), safe="") for word in words)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
