"""Records kept beside the corpus: one JSON object a line that says why, and holds the record's exact bytes.

The record comes last. Of JSON lines the object stands there verbatim, so that no number or doubled key changes; other
bytes are a JSON string, or base64 where they are not UTF-8 or nothing but escapes. Undo needs nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from dedupe.corpus.json_scan import JSON_SPACE, member_spans

_MOST_ESCAPED, _LABEL = 2, 1 << 12  # a string that doubles, beside some bytes for the label, is better said in base64


def dump_line(value: object) -> bytes:
    """The value as one line of JSON in UTF-8; where it holds lone surrogates, in ASCII.

    >>> dump_line({"id": "café"})
    b'{"id": "caf\\xc3\\xa9"}\\n'
    """
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value).encode() + b"\n"


def seal_record(label: Mapping[str, object], raw: bytes, *, is_json: bool) -> bytes:
    """The line that holds `label` and the record's bytes; `is_json` says that they are one JSON object and white space.

    >>> seal_record({"id": "a"}, b'{"n": 1e5}\\n', is_json=True)
    b'{"id": "a", "record": {"n": 1e5}}\\n'
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _seal_bytes(label, raw)
    if not is_json:
        line = dump_line({**label, "record": text})
        return line if len(line) <= _MOST_ESCAPED * len(raw) + _LABEL else _seal_bytes(label, raw)
    bare = text.strip(JSON_SPACE)
    before, after = text[: text.index(bare)], text[text.index(bare) + len(bare) :]
    around = {**({"before": before} if before else {}), **({"after": after} if after != "\n" else {})}
    return dump_line({**label, **around, "record": None}).removesuffix(b"null}\n") + bare.encode() + b"}\n"


def _seal_bytes(label: Mapping[str, object], raw: bytes) -> bytes:
    return dump_line({**label, "raw_base64": base64.b64encode(raw).decode()})


def open_record(line: bytes) -> tuple[dict[str, object], bytes]:
    """The label and the exact bytes of the record in a line that `seal_record` made.

    >>> open_record(b'{"id": "a", "after": "\\\\r\\\\n", "record": {"n": 1e5}}\\n')
    ({'id': 'a'}, b'{"n": 1e5}\\r\\n')
    """
    text = line.decode("utf-8")
    spans = member_spans(text)
    start, end = spans.pop("record", (0, 0))
    label = {key: json.loads(text[slice(*span)]) for key, span in spans.items()}
    before, after = label.pop("before", ""), label.pop("after", "\n")
    if "raw_base64" in label:
        return label, base64.b64decode(label.pop("raw_base64"))
    if text[start] == '"':
        return label, json.loads(text[start:end]).encode()
    return label, (before + text[start:end] + after).encode()
