"""Where the members of a JSON object stand in its text, without building the values.

Works on text that `json.loads` has accepted. It knows nothing of nesting but a counter, so depth costs no stack.
"""

from __future__ import annotations

import json
import re

JSON_SPACE = " \t\r\n"
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}:,]', re.DOTALL)


def member_spans(text: str, start: int = 0) -> dict[str, tuple[int, int]]:
    """The span of each member's value in the object that opens at or after `start`; of equal keys the last counts.

    >>> text = '{"a": 1, "a": [2, {"b": 3}]}'
    >>> {key: text[slice(*span)] for key, span in member_spans(text).items()}
    {'a': '[2, {"b": 3}]'}
    """
    spans: dict[str, tuple[int, int]] = {}
    depth, value, key = 0, 0, None
    for match in _MARK.finditer(text, start):
        mark = text[match.start()]
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif depth == 1 and mark == '"' and key is None:
            key = json.loads(match.group())
        elif depth == 1 and mark == ":":
            value = match.end()
        if key is not None and (depth == 0 or (depth == 1 and mark == ",")):
            spans[key] = _trimmed(text, value, match.start())
            key = None
        if depth == 0:
            break
    return spans


def find_value(text: str, path: str, start: int = 0) -> tuple[int, int] | None:
    """The span of the value at a dotted path, None if there is none; a key that holds the dots itself comes first.

    >>> text = '{"content": {"rendered": "x"}}'
    >>> text[slice(*find_value(text, "content.rendered"))]
    '"x"'
    """
    spans = member_spans(text, start)
    if path in spans:
        return spans[path]
    first, dot, rest = path.partition(".")
    if dot and first in spans and text[spans[first][0]] == "{":
        return find_value(text, rest, spans[first][0])
    return None


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while text[start] in JSON_SPACE:
        start += 1
    while text[end - 1] in JSON_SPACE:
        end -= 1
    return start, end
