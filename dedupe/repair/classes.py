"""Making synonym classes for `rules/en/classes.tsv`: the forms that the spinner swaps for each other, of rules and synonyms.

A rule links each form it looks for to the originals that answer it. The links are taken from the strongest to the weakest;
each joins the classes of its two ends unless the class would grow too large. So the size is what stops a chain
(extra → additional → further → ...), and where it stops, the weakest links are the ones given up. Single words come first:
a phrase is only listed if its words' own classes do not already make the two sides alike.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from dedupe.repair.match import expand_rule
from dedupe.repair.neighbours import PatternParser
from dedupe.text.classes import LARGEST_CLASS, LONGEST_FORM, ClassMap
from dedupe.text.lexicon import Lexicon
from dedupe.text.normal import tokenize

_HEAD = """# Synonym classes for the comparison of despun texts, made from the rule tables by `dedupe rules classes --write`.
# All forms of a class are read as one word, "drop" forms are left out. An index depends on this file, not on the rules.
# A star marks what a spinner rather writes than replaces.
use\tforms
"""
_ARTICLES = {"a", "an", "the"}
_SHORT_OF_ITSELF = 0.5  # the strength of a link found in what a longer pair of phrases differs by
_DOUBTFUL = 0.5  # of a rule that only asks
_SURE = 2.0  # at which a single word stands for a function word rather than for itself

Form = tuple[str, ...]
_Links = dict[tuple[Form, Form], float]


def build_classes(lexicon: Lexicon, function_words: Iterable[str], synonyms: Iterable[tuple[str, str, int]] = ()) -> ClassMap:
    """The classes, each sorted, in the order of their first forms, and the forms to drop (the function words among them).

    Forms that stand on the spun side of the rules more than on the other are its `replacements`.

    `synonyms` are further (spun form, original, rank) to link, as `expand_synonyms` gives them.
    No form stands in two classes, none has more than LARGEST_CLASS forms, and no form consists of function words.
    Raises RuleError for a rule whose `~` cannot be expanded.
    """
    function = frozenset(function_words)
    links, stand_ins, leaning = _read_links(itertools.chain(_read_swaps(lexicon), _weigh_synonyms(synonyms)), function)
    strength: dict[Form, float] = defaultdict(float)
    for pair, weight in links.items():
        for form in pair:
            strength[form] += weight
    dropped = {form for form, weight in stand_ins.items() if len(form) > 1 or weight > max(_SURE, strength.get(form, 0.0))}
    dropped = _shortest(dropped, function)
    classes = _Classes()
    usable = [pair for pair in sorted(links, key=lambda pair: (-links[pair], pair)) if not dropped.intersection(pair)]
    for a, b in usable:
        if len(a) == len(b) == 1:
            classes.join(a, b)
    for a, b in usable:
        if not classes.alike(a, b, function):
            classes.join(a, b)
    forms = sorted(tuple(sorted(" ".join(form) for form in members)) for members in classes.members())
    replacements = {" ".join(form) for form, weight in leaning.items() if weight > 0} - function
    known = {form for members in forms for form in members} | {" ".join(form) for form in dropped}
    return ClassMap(tuple(forms), tuple(sorted({" ".join(form) for form in dropped} | function)), replacements & known)


class _Classes:
    """Disjoint sets that grow by joining, up to LARGEST_CLASS forms each."""

    def __init__(self) -> None:
        self._of: dict[Form, set[Form]] = {}

    def join(self, a: Form, b: Form) -> None:
        ours, theirs = self._of.get(a, {a}), self._of.get(b, {b})
        if ours is not theirs and len(ours) + len(theirs) <= LARGEST_CLASS:
            for form in theirs:
                self._of[form] = ours
            self._of[a] = ours
            ours |= theirs

    def alike(self, a: Form, b: Form, function: frozenset[str]) -> bool:
        """Whether two phrases read alike word by word."""
        return self._read(a, function) == self._read(b, function)

    def _read(self, phrase: Form, function: frozenset[str]) -> list[Form]:
        words = [(word,) for word in phrase if word not in function]
        return [min(self._of.get(word, {word})) for word in words]

    def members(self) -> Iterator[set[Form]]:
        yield from {id(members): members for members in self._of.values()}.values()


def _shortest(dropped: set[Form], function: frozenset[str]) -> set[Form]:
    """The forms without those that hold a shorter one and function words besides."""
    kept: set[Form] = set()
    for form in sorted(dropped, key=len):
        spans = [(at, at + size) for size in range(1, len(form)) for at in range(len(form) - size + 1)]
        if not any(form[a:b] in kept and function.issuperset(form[:a] + form[b:]) for a, b in spans):
            kept.add(form)
    return kept


def _read_links(
    swaps: Iterable[tuple[Form, Form, float]], function: frozenset[str]
) -> tuple[_Links, Mapping[Form, float], Mapping[Form, float]]:
    """How strongly forms are linked (each pair sorted), which stand for function words, and which lean to the spun side."""
    links: _Links = defaultdict(float)
    leaning: dict[Form, float] = defaultdict(float)
    stand_ins: dict[Form, float] = defaultdict(float)
    for spun, original, weight in swaps:
        if function.issuperset(spun):
            continue
        if function.issuperset(original):
            stand_ins[spun] += weight
            leaning[spun] += weight
            continue
        pairs = [(_bare(spun), _bare(original), weight), (*_differing(spun, original), weight * _SHORT_OF_ITSELF)]
        for a, b, strength in pairs[: 1 + (pairs[1][:2] != pairs[0][:2])]:
            if a != b and not function.issuperset(a) and not function.issuperset(b):
                links[(a, b) if a < b else (b, a)] += strength
                leaning[a] += strength
                leaning[b] -= strength
    return links, stand_ins, leaning


def _read_swaps(lexicon: Lexicon) -> Iterator[tuple[Form, Form, float]]:
    """Every (spun form, original, weight) of the rules: the more sites show it and the higher it ranks, the stronger."""
    parser = PatternParser(lexicon)
    for rule in lexicon.rules:
        if rule.tier == "flag":
            continue
        weight = (1 + rule.source.count("data:")) * (_DOUBTFUL if rule.tier == "ask" else 1.0)
        forms = expand_rule(rule, lexicon, parser)
        texts = [text for form in forms for text in (form.text, *form.originals)]
        normal = iter(_normal_forms(texts))
        for form in forms:
            spun = next(normal)
            for rank, original in enumerate([next(normal) for _ in form.originals], 1):
                if 0 < len(spun) <= LONGEST_FORM and 0 < len(original) <= LONGEST_FORM:
                    yield spun, original, weight / rank


def _weigh_synonyms(synonyms: Iterable[tuple[str, str, int]]) -> Iterator[tuple[Form, Form, float]]:
    rows = list(synonyms)
    normal = iter(_normal_forms([text for spun, original, _ in rows for text in (spun, original)]))
    for (_, _, rank), spun, original in zip(rows, normal, normal, strict=True):
        if 0 < len(spun) <= LONGEST_FORM and 0 < len(original) <= LONGEST_FORM:
            yield spun, original, _DOUBTFUL / rank


def _normal_forms(texts: list[str]) -> list[Form]:
    tokens = tokenize(texts)
    return [tuple(tokens.normal_form(number).decode().split()) for number in range(len(texts))]


def _bare(form: Form) -> Form:
    """The form without a leading article."""
    return form[1:] if len(form) > 1 and form[0] in _ARTICLES else form


def _differing(a: Form, b: Form) -> tuple[Form, Form]:
    """What two phrases differ by: without the words they begin with and end with alike."""
    while len(a) > 1 and len(b) > 1 and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return _bare(a), _bare(b)


def format_classes(classes: ClassMap) -> str:
    """The text of a table of classes: the dropped forms by length, then a class a line; replacements are starred."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for form in classes.dropped:
        by_length[len(form.split())].append(form)
    rows = [("drop", sorted(forms)) for _, forms in sorted(by_length.items())]
    rows += [("class", list(forms)) for forms in classes.classes]
    starred = {form: form + "*" for form in classes.replacements}
    lines = [f"{use}\t{'|'.join(starred.get(form, form) for form in forms)}" for use, forms in rows]
    return _HEAD + "\n".join(lines) + "\n"


def check_classes(classes: ClassMap, function_words: Iterable[str]) -> Iterator[str]:
    """Every fault of the classes in words: too large, too small, a form in two places, of function words, or too long."""
    function = frozenset(function_words)
    seen: dict[Form, str] = {}
    for forms in classes.classes:
        if not 2 <= len(forms) <= LARGEST_CLASS:
            yield f"the class of {forms[0]!r} has {len(forms)} forms; write 2 to {LARGEST_CLASS}"
    rows = [*classes.classes, tuple(classes.dropped)]
    normal = iter(_normal_forms([form for forms in rows for form in forms]))
    for row in rows:
        for form in row:
            words = next(normal)
            if not 1 <= len(words) <= LONGEST_FORM:
                yield f"the form {form!r} has {len(words)} words; write 1 to {LONGEST_FORM}"
            if words in seen:
                yield f"the form {form!r} stands in two places, with {seen[words]!r} and with {row[0]!r}"
            seen[words] = row[0]
            if row is not rows[-1] and function.issuperset(words):
                yield f"the form {form!r} of the class of {row[0]!r} is made of function words"
