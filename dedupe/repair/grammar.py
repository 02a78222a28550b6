"""Grammar at the borders of an edit: letter case carried over, a/an made to agree, doubled words refused."""

from __future__ import annotations

import re

from dedupe.text.inflect import takes_an

# Small words that a title leaves in small letters.
_SMALL_WORDS = frozenset("a an the and or but nor of in on at to for by with from as than via per vs".split())
_TITLE_CASE = 0.7  # share of capitalised words from which a line is a title
_ARTICLE_BEFORE = re.compile(r"(?<![\w'’-])(an?)(\s+[\"“‘'(]?)\Z", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[\w.]+")


def match_case(hit: str, original: str) -> str:
    """The original in the letter case of the hit: ALL CAPS, Title Case, Sentence case, or as it is.

    >>> [match_case(hit, "army chief") for hit in ("navy head", "Navy head", "Navy Head", "NAVY HEAD")]
    ['army chief', 'Army chief', 'Army Chief', 'ARMY CHIEF']
    """
    letters = [c for c in hit if c.isalpha()]
    if len(letters) > 1 and all(c.isupper() for c in letters) and (len(hit.split()) > 1 or len(letters) > 3):
        return original.upper()
    if not letters or not letters[0].isupper():
        return original
    words = [word for word in re.findall(r"[^\W\d_]+", hit) if word.lower() not in _SMALL_WORDS]
    if len(words) > 1 and all(word[0].isupper() for word in words):
        parts = re.split(r"(\s+)", original)
        return _capitalised("".join(part if part in _SMALL_WORDS else _capitalised(part) for part in parts))
    return _capitalised(original)


def _capitalised(text: str) -> str:
    for at, character in enumerate(text):
        if character.isalnum():
            return text[:at] + character.upper() + text[at + 1 :]
    return text


def article_before(text: str, start: int) -> tuple[int, str] | None:
    """The offset and the spelling of an "a" or "an" that stands right before `start`, or None."""
    match = _ARTICLE_BEFORE.search(text, max(0, start - 8), start)
    return (match.start(1), match[1]) if match else None


def fitting_article(article: str, following: str) -> str:
    """The article in the form that `following` asks for, in the case it had.

    >>> [fitting_article("an", "settlement"), fitting_article("A", "agreement"), fitting_article("a", "deal")]
    ['a', 'An', 'a']
    """
    word = _FIRST_WORD.search(following)
    if word is None:
        return article
    needed = "an" if takes_an(word[0]) else "a"
    if needed == article.lower():
        return article
    if article == "AN":
        return "A"
    return needed.capitalize() if article[0].isupper() else needed


def article_clashes(text: str, start: int, following: str) -> bool:
    """Whether the article before `start`, if there is one, does not fit `following`: the trace of a swapped noun."""
    article = article_before(text, start)
    return article is not None and fitting_article(article[1], following) != article[1]


def doubles_a_word(text: str, start: int, end: int, after: str) -> bool:
    """Whether replacing [start, end) would leave a word twice in a row at a border of the edit.

    >>> doubles_a_word("in the place where", 3, 12, "where")
    True
    """
    words = re.findall(r"[\w'’]+", after.lower())
    if not words:
        return False
    before, behind = text[max(0, start - 40) : start].lower(), text[end : end + 40].lower()
    # nearly always the word is nowhere near, and the search can be spared
    following = re.match(r"\s+([\w'’]+)", behind) if words[-1] in behind else None
    preceding = re.search(r"([\w'’]+)\s+\Z", before) if words[0] in before else None
    return bool((following and following[1] == words[-1]) or (preceding and preceding[1] == words[0]))


def is_name_part(text: str, start: int, end: int) -> bool:
    """Whether a hit has a capital that neither the start of a sentence, or quotation, nor a title-case line explains.

    >>> text = "He left the States. States differ."
    >>> [is_name_part(text, 12, 18), is_name_part(text, 20, 26)]
    [True, False]
    """
    if not text[start : start + 1].isupper():
        return False
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    before = text[line_start:start].rstrip()
    if not before or before[-1] in ".?!:“‘\"'([|–—-•" or text[start - 1] in "“‘\"'(":
        return False
    words = [word for word in re.findall(r"[^\W\d_]+", text[line_start : line_end if line_end >= 0 else None]) if len(word) > 3]
    capitalised: int = sum(word[0].isupper() for word in words)
    return capitalised < _TITLE_CASE * len(words)
