"""Grammar at the borders of an edit: letter case carried over, a/an, was/were, possessives and comparatives made to agree,
doubled words refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from dedupe.text.inflect import Irregulars, add_s, inflect, takes_an

# Small words that a title leaves in small letters.
_SMALL_WORDS = frozenset("a an the and or but nor of in on at to for by with from as than via per vs".split())
_TITLE_CASE = 0.7  # share of capitalised words from which a line is a title
_ARTICLE_BEFORE = re.compile(r"(?<![\w'’-])(an?)(\s+[\"“‘'(]?)\Z", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[\w.]+")
_ARTICLES = frozenset(("a", "an", "the"))
_ALONE = frozenset(("he", "she", "it", "this"))  # a whole subject: in "on the day after she" no noun before counts
_ONE = frozenset("i he she it this that one each everyone everybody nobody anyone somebody someone nothing something".split())
_MANY = frozenset("they we you these those both many few several most some others all people police men women children".split())
_SUBORDINATORS = frozenset(
    "after although as because before if like since than that though till until when where while".split()
)
_OF_PREPOSITIONS = frozenset("of in on at from for with by to near between among about over under".split())
_SKIPPED = frozenset("also still not never then even already just now".split())
# "A number of people" are many, half of the island is one; of a group or a series it is the noun itself that counts.
_QUANTITIES = frozenset("number lot couple majority minority handful variety multitude plethora".split())
_SHARES = frozenset("half third thirds quarter quarters percent most some all rest part parts none".split())
_SINGULAR_IN_S = frozenset(
    "athletics economics gas headquarters means mathematics measles news physics politics series species states".split()
)
_ONE_THING = frozenset(("a", "an", "another", "one"))
_DETERMINERS = _ARTICLES | {"his", "her", "its", "their", "our", "my", "your"}
_NEVER_AFTER_ARTICLE = frozenset(
    "also although am are because been but could had has however if is than these they this those though was we were when"
    " where while whose would".split()
)
_UNCOMPARED = frozenset("first last main next own past same sole top".split())
_DEGREES = frozenset("as extra how more most so too very".split())
_CLASHING = _ARTICLES | _NEVER_AFTER_ARTICLE | {"very"}  # what clashes with another word

_NEAR = 40  # characters

LineCase = Literal["", "title", "upper"]
GrammaticalNumber = Literal["singular", "plural"]


def match_case(hit: str, original: str, line: LineCase = "") -> str:
    """The original in the letter case of the hit: ALL CAPS, Title Case, Sentence case, or as it is.

    line: how the line writes its words, which tells what a hit of one word or few letters leaves open.

    >>> [match_case(hit, "army chief") for hit in ("navy head", "Navy head", "Navy Head", "NAVY HEAD")]
    ['army chief', 'Army chief', 'Army Chief', 'ARMY CHIEF']
    >>> match_case("Youngsters", "young people", "title"), match_case("CAR", "vehicle", "upper")
    ('Young People', 'VEHICLE')
    >>> match_case("the Brand new", "the new")
    'the New'
    """
    article, _, rest = hit.partition(" ")
    if article in _ARTICLES and rest[:1].isupper() and original.split(" ", 1)[0] in _ARTICLES:
        article, _, wording = original.partition(" ")
        return f"{article} {match_case(rest, wording, line)}" if wording else original
    letters = [c for c in hit if c.isalpha()]
    if letters and all(c.isupper() for c in letters):
        many = len(letters) > 1 and (len(hit.split()) > 1 or len(letters) > 3)
        if many or line == "upper":
            return original.upper()
    if not letters or not letters[0].isupper():
        return original
    words = [word for word in re.findall(r"[^\W\d_]+", hit) if word.lower() not in _SMALL_WORDS]
    titled = line == "title" or len(words) > 1
    # a spinner capitalises the first word only of what it puts in: "Well being Insurance"
    if titled and all(word[0].isupper() for word in (*words[:1], *words[-1:])):
        parts = re.split(r"(\s+)", original)
        return _capitalised("".join(part if part in _SMALL_WORDS else _capitalised(part) for part in parts))
    return _capitalised(original)


class Casing(NamedTuple):
    """How a line is written: in capitals ("upper"), as a "title", or as prose (""); and whether capitals say nothing in it."""

    case: LineCase
    full_of_capitals: bool


def read_casing(line: str) -> Casing:
    """The casing of a line, by its longer words.

    >>> [read_casing(line).case for line in ("BIG BANK FAILS", "Big Bank Fails in Rome", "Big banks fail")]
    ['upper', 'title', '']
    """
    words = [word for word in re.findall(r"[^\W\d_]+", line) if len(word) > 3]
    is_title = sum(word[0].isupper() for word in words) >= _TITLE_CASE * len(words)
    if len(words) > 1 and all(word.isupper() for word in words):
        return Casing("upper", is_title)
    return Casing("title" if len(words) > 1 and is_title else "", is_title)


def has_inner_capital(hit: str) -> bool:
    """Whether a word of the hit is cased as only names are: "iPhone", "McDonald".

    >>> [has_inner_capital(hit) for hit in ("McDonald", "iPhone", "Apple", "APPLE")]
    [True, True, False, False]
    """
    return re.search(r"[^\W\d_][A-Z]", hit) is not None and any(c.islower() for c in hit)


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
    # in a line of capitals a word in capitals is a word, not letters to be spelled
    shouted = article == "AN" or (word[0].isupper() and len(_FIRST_WORD.findall(following)) > 1 and following.isupper())
    needed = "an" if takes_an(word[0].lower() if shouted and len(word[0]) > 3 else word[0]) else "a"
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
    """Whether replacing [start, end) would leave words side by side at a border of the edit that clash.

    >>> doubles_a_word("in the place where", 3, 12, "where"), doubles_a_word("the hit", 4, 7, "a success")
    (True, True)
    """
    words = re.findall(r"[\w'’]+", after.lower())
    window, behind = text[max(0, start - 40) : start].lower(), text[end : end + 40].lower()
    # nearly always neither the word nor one that can clash is anywhere near, and the search can be spared
    if words and words[0] not in window and words[-1] not in behind and _CLASHING.isdisjoint((words[0], words[-1])):
        return False
    following = re.match(r"\s+([\w'’]+)", behind)
    preceding = re.search(r"([\w'’]+)\s+\Z", window)
    first, last = preceding[1] if preceding else "", following[1] if following else ""
    if not words:
        return first != "" and first == last
    return words_clash(first, words[0]) or words_clash(words[-1], last)


def words_clash(first: str, second: str) -> bool:
    """Whether two words in small letters cannot stand side by side.

    >>> pairs = ("in", "in"), ("a", "the"), ("the", "where"), ("most", "very"), ("the", "very")
    >>> [words_clash(first, second) for first, second in pairs]
    [True, True, True, True, False]
    """
    if first in _ARTICLES:
        return second in _ARTICLES or second in _NEVER_AFTER_ARTICLE
    return first != "" and (first == second or (second == "very" and first in _DEGREES))


def fit_possessive(text: str, end: int, hit: str, after: str) -> tuple[int, str]:
    """The end and the replacement of an edit whose hit is a possessive, so that its ending fits the original.

    The ending stays outside the edit where it fits both: "agency's" → "company's", "firms'" → "companies'".

    >>> [fit_possessive(text, at, text[:at], after) for text, at, after in
    ...  (("persons' rights", 7, "people"), ("folk's rights", 4, "voters"), ("firms' rights", 5, "companies"))]
    [(8, "people's"), (6, "voters'"), (5, 'companies')]
    >>> fit_possessive("ladies's match", 6, "ladies", "women's")
    (8, "women's")
    """
    mark = text[end : end + 1]
    if mark not in {"'", "’"} or not after:
        return end, after
    if after[-2:] in {"'s", "’s"}:  # the wording has its ending already
        taken = re.match(r"['’]s?(?!\w)", text[end : end + 3])
        return end + (taken.end() if taken else 0), after
    many = after.lower().endswith("s") and add_s(after.lower()[:-1]) == after.lower()
    if re.match(r"s(?!\w)", text[end + 1 : end + 3]):
        return (end + 2, after + mark) if many and not after.lower().endswith(("ss", "us", "is")) else (end, after)
    quoted = mark == "’" and "‘" in text[text.rfind("\n", 0, end) + 1 : end]
    loses_s = hit.lower().endswith("s") and not after.lower().endswith("s")
    if loses_s and not quoted and re.match(r"\s\w", text[end + 1 : end + 3]):
        return end + 1, f"{after}{mark}s"
    return end, after


def subject_number(left: Sequence[str], plurals: Collection[str] = ()) -> GrammaticalNumber | None:
    """The number of the subject that ends right before a verb, read from the words before it, nearest first; None if unsure.

    plurals: irregular plural forms.

    >>> subjects = ("the ships", "one of the ships", "the vessel , the Halcyon ,", "He and Ann")
    >>> [subject_number(words.split()[::-1]) for words in subjects]
    ['plural', 'singular', 'singular', None]
    """
    words = list(left)
    while words and (words[0].lower() in _SKIPPED or words[0].endswith("ly")):
        del words[0]
    if words and words[0] == ",":  # what stands between two commas is an aside
        if "," not in words[1:]:
            return None
        end = words.index(",", 1)
        aside, words = words[1:end], words[end + 1 :]
        if not words and aside and aside[-1].lower() in _DETERMINERS:  # "Ann Lee, the mayor, ...": it is as many as its subject
            words = aside
    if words[1:2] == [","] and words[0].lower() in {"who", "which"}:
        del words[:2]
    while words and words[0].lower() in {"who", "which", "that"} and len(words) > 1 and words[1] != ",":
        del words[0]
    if not words or not words[0][:1].isalnum():
        return None
    head, rest = words[0].lower().replace("’", "'"), words[1:]
    if head in _ALONE:
        return "singular"
    if "and" in [word.lower() for word in rest[:2]] or head in {"and", "or", "there", "who", "which"}:
        return None
    for position, word in enumerate(rest):
        folded = word.lower()
        if folded in _SUBORDINATORS or not word[:1].isalnum():
            break
        if folded in _OF_PREPOSITIONS:
            outer = rest[position + 1 :]
            if folded == "of" and outer[1:2] in (["a"], ["A"]) and outer[0].lower() in _QUANTITIES:
                break
            if folded == "of" and outer and outer[0].lower() in _SHARES:
                break
            return subject_number(outer, plurals)
    if head in _ONE or head in _SINGULAR_IN_S:
        return "singular"
    if head in _MANY or (head.isdigit() and head != "1"):
        return "plural"
    if not head.isalpha() or head.endswith(("ed", "ing")):
        return "plural" if head in plurals else None
    return "plural" if _is_plural_noun(head, plurals) else "singular"


def _is_plural_noun(word: str, plurals: Collection[str]) -> bool:
    return word in plurals or (len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")))


def announced_number(right: Sequence[str], plurals: Collection[str] = ()) -> GrammaticalNumber | None:
    """The number of what "there was" or "there were" announces, read from the words after it, nearest first; None if unsure.

    plurals: irregular plural forms.

    >>> announced = ("no longer a clerk", "no motive for the raids", "no other ships near it", "a number of ships")
    >>> [announced_number(words.split()) for words in announced]
    ['singular', 'singular', 'plural', 'plural']
    """
    words = [word.lower() for word in right]
    while words and (words[0] in _SKIPPED | _DEGREES | {"such"} or words[:2] == ["no", "longer"] or words[0].endswith("ly")):
        del words[: 2 if words[0] == "no" else 1]
    first, second = [*words, "", ""][:2]
    if first in _ONE_THING:
        if second == "lot" and words[2:3] != ["of"]:
            return None
        return "plural" if second in _QUANTITIES | {"few", "dozen", "hundred", "thousand"} else "singular"
    if first in _MANY or _is_plural_noun(first, plurals):
        return "plural"
    if first not in {"no", "little", "much"}:
        return None
    for word in words[1:]:
        if word in _OF_PREPOSITIONS or word in _SUBORDINATORS or not word.isalpha():
            break
        if word in _MANY or _is_plural_noun(word, plurals):
            return "plural"
    return "singular"


def agree_verb(after: str, number: GrammaticalNumber) -> str:
    """The wording with the form of be it begins with in the number of its subject.

    >>> agree_verb("were able to", "singular"), agree_verb("is", "plural")
    ('was able to', 'are')
    """
    verb, space, rest = after.partition(" ")
    forms = {"singular": {"were": "was", "are": "is"}, "plural": {"was": "were", "is": "are"}}[number]
    return forms.get(verb, verb) + space + rest


def compare(degree: str, adjective: str, short: Collection[str], irregulars: Irregulars) -> str | None:
    """The comparative or superlative in one word that "more" or "most" with an adjective asks for; None if there is none.

    short: adjectives that are compared; of these the ones of one syllable, or in -y, take an ending.

    >>> compare("more", "strong", {"strong"}, {}), compare("most", "careful", {"careful"}, {})
    ('stronger', None)
    """
    folded = adjective.lower()
    one_syllable = len(re.findall(r"[aeiouy]+", folded.rstrip("e"))) == 1
    if folded not in short or folded in _UNCOMPARED or not (one_syllable or re.search(r"[^aeioul]y$", folded)):
        return None
    form = inflect(folded, "a", irregulars)[1 if degree.lower() == "more" else 2]
    return match_case(degree, form)


def is_name_part(text: str, start: int, line: Casing) -> bool:
    """Whether a hit has a capital that neither the start of a sentence, or quotation, nor a line full of capitals explains.

    >>> text = "He left the States. States differ."
    >>> [is_name_part(text, start, read_casing(text)) for start in (12, 20)]
    [True, False]
    """
    if not text[start : start + 1].isupper():
        return False
    before = text[max(0, start - _NEAR) : start].rpartition("\n")[2].rstrip()
    if not before or before[-1] in ".?!:“‘\"'([|–—-•" or text[start - 1] in "“‘\"'(":
        return False
    return not line.full_of_capitals
