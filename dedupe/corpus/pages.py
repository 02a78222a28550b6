"""Web pages: the article of an HTML page, without menus and advertisements. The only file that imports trafilatura."""

from __future__ import annotations

from typing import Any

from dedupe.corpus.extras import require

_MOST_TAGS = 50_000  # ten times what a long page has; a tree of more takes hundreds of megabytes, and minutes


def extract_article(page: bytes, url: str = "") -> dict[str, str]:
    """The text, title, url, source and date of the article in a page, "" for what it does not say.

    The page's own encoding is found out. What the extractor cannot take, however broken, gives an empty text, never an error;
    so does a page of very many tags. Raises UsageError when trafilatura is not installed.
    """
    extractor, found = _trafilatura(), None
    try:
        if page.count(b"<") <= _MOST_TAGS:
            found = extractor.bare_extraction(page, url=url or None, with_metadata=True, include_comments=False)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, RecursionError, MemoryError):
        pass  # a fault of the extractor in this page; the page itself stays as it is, in quarantine
    said = found.as_dict() if found else {}
    names = {"text": "text", "title": "title", "url": "url", "source": "sitename", "date": "date"}
    return {name: str(said.get(key) or "") for name, key in names.items()} | ({"url": url} if url else {})


def _trafilatura() -> Any:
    try:
        import trafilatura  # noqa: PLC0415  optional, and slow to import
    except ImportError:
        raise require("trafilatura", "html", "HTML pages") from None
    return trafilatura
