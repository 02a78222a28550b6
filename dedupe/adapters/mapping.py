"""From what a framework calls a record to an `Article`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dedupe.errors import InputError
from dedupe.model import Article

ROLES = ("id", "text", "title", "url", "source", "date")


def build_article(values: Mapping[str, Any], fields: Mapping[str, str]) -> Article:
    """The article in a record. `fields` tells for each role which field plays it, where that has another name than the role.

    Without an id the url stands for it. Raises InputError for a record that has neither, or whose text is no string.

    >>> build_article({"url": "https://e.org/1", "body": "Some words."}, {"text": "body"}).id
    'https://e.org/1'
    """
    found = {role: values.get(fields.get(role, role)) for role in ROLES}
    id = found["id"] if found["id"] not in {None, ""} else found["url"]
    if id in {None, ""}:
        raise InputError(f"a record has neither {fields.get('id', 'id')!r} nor {fields.get('url', 'url')!r}; name its id field")
    if not isinstance(found["text"], str):
        raise InputError(f"record {id!r} has no text in {fields.get('text', 'text')!r}; name the field that holds it")
    title, url, source, date = (str(found[role] or "") for role in ("title", "url", "source", "date"))
    return Article(str(id), found["text"], title, url, source, date)
