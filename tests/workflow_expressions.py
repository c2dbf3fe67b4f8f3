"""Expressions in workflows of GitHub's, as few as ours has: any other is an error, as is an unknown name."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

HOLE = re.compile(r"\$\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)

PYTHON = {"&&": " and ", "||": " or ", "!": " not "}
"""What an expression is in Python: its operators give one of their operands there, too."""


class Unknown(Exception):
    """An expression that is none of ours."""


def resolve(value: Any, context: Mapping[str, Any]) -> Any:
    """A value of a workflow with its expressions replaced; one that is all of a value keeps its type."""
    if not isinstance(value, str):
        return value
    if whole := HOLE.fullmatch(value.strip()):
        return evaluate(whole[1], context)
    return HOLE.sub(lambda hole: _text(evaluate(hole[1], context)), value)


def evaluate(text: str, context: Mapping[str, Any]) -> Any:
    words = re.split(r"('[^']*'|&&|\|\||!(?!=))", text.strip())
    python = "".join(PYTHON.get(word, word) for word in words)
    try:
        return _value(ast.parse(f"({python})", mode="eval").body, context)
    except (SyntaxError, KeyError) as error:
        raise Unknown(text) from error


def _value(node: ast.expr, context: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return context[name]
        case ast.Attribute(value=of, attr=name):
            return _value(of, context)[name]
        case ast.Subscript(value=of, slice=key):
            return _value(of, context).get(_value(key, context))
        case ast.BoolOp(op=ast.And(), values=[first, *rest]):
            return _first(first, rest, False, context)
        case ast.BoolOp(op=ast.Or(), values=[first, *rest]):
            return _first(first, rest, True, context)
        case ast.UnaryOp(op=ast.Not(), operand=of):
            return not _value(of, context)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return _value(left, context) == _value(right, context)
        case ast.Call(func=ast.Name(id="fromJSON"), args=[of], keywords=[]):
            return json.loads(_value(of, context))
        case ast.Call(func=ast.Name(id="failure" | "cancelled" | "success" as name), args=[], keywords=[]):
            return context[name]
    raise Unknown(ast.unparse(node))


def _first(node: ast.expr, rest: list[ast.expr], wanted: bool, context: Mapping[str, Any]) -> Any:
    """The first operand that decides, or the last."""
    value = _value(node, context)
    return value if not rest or bool(value) is wanted else _first(rest[0], rest[1:], wanted, context)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unknown(f"{value!r} within a text")
    return value
