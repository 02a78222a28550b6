"""What holds of all tables together, whatever the text: a second repair finds nothing, neither hash seed nor the order of
the rules matters, every edit can be undone, and what no rule may touch stays.

Texts are made of the forms and examples of the tables, clean sentences, marks, and characters of all kinds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.config import RepairSettings
from dedupe.model import AUTOMATIC_TIERS, Article, Edit
from dedupe.repair.match import Form, expand_rules
from dedupe.repair.repairer import Repairer
from dedupe.repair.rounds import spans_of
from dedupe.text.edits import apply_spans, invert_spans
from dedupe.text.lexicon import Lexicon, load_lexicon

MODES = ("auto", "assume")
CARRIERS = ("He saw the {} of it.", "They {} in May.", "It was {}, he said.", "A {} came.", "“{}” by the river", "{} again\n")
PROTECTED = (
    "43.8", "$43.8 million", "1,204", "12%", "5 km", "2nd", "3 May 2024", "10:30 a.m.", "£5bn", "COVID-19", "B-52",
    "18-year-old", "https://example.org/assault/commerce?second=place", "www.example-news.com/worldwide", "desk@example.org",
    "@getty_pictures", "#safetyensures", "`mentioned = additional`", "Worldwide Developers Conference",
)  # fmt: skip


@cache
def lexicon() -> Lexicon:
    return load_lexicon()


@cache
def repairer(spin: str) -> Repairer:
    return Repairer(lexicon(), RepairSettings(spin=spin))  # type: ignore[arg-type]


@cache
def forms() -> list[Form]:
    return expand_rules(lexicon())


@cache
def wordings() -> list[str]:
    """Every spun form of the tables."""
    return sorted({form.text for form in forms()})


@cache
def examples() -> list[str]:
    """The examples of all rules as they stand before the repair, and the counterexamples."""
    marked = [text for rule in lexicon().rules for text in (*rule.example, *rule.counterexample)]
    return [re.sub(r"\[\[(.*?)=>.*?\]\]", r"\1", text) for text in marked]


@cache
def clean_sentences() -> list[str]:
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "seeds" / "corpus").glob("*.txt")) if "-spun-" not in path.name]
    return [sentence for text in texts for sentence in re.findall(r"[^.?!\n]+[.?!]", text)]


def automatic(text: str, spin: str) -> list[Edit]:
    return [edit for edit in repairer(spin).repair(Article("a", text)).edits if edit.automatic]


def repair(text: str, spin: str) -> str:
    return apply_spans(text, spans_of(automatic(text, spin)))


def wordings_of_tables() -> st.SearchStrategy[str]:
    carried = st.builds(lambda carrier, form: carrier.format(form), st.sampled_from(CARRIERS), st.sampled_from(wordings()))
    return carried | st.sampled_from(examples()) | st.sampled_from(wordings())


def pieces() -> st.SearchStrategy[str]:
    marks = st.sampled_from([".", ",", "\n\n", "“", "”", "’s", "'", "(", ")", "—", "{", "|", "}", "a", "an", "the", "the the"])
    cased = wordings_of_tables().map(str.upper) | wordings_of_tables().map(str.title)
    return wordings_of_tables() | cased | st.sampled_from(clean_sentences()) | marks | st.text(max_size=5)


def texts() -> st.SearchStrategy[str]:
    return st.lists(pieces(), max_size=12).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(texts())
def test_a_second_repair_of_any_text_finds_nothing(text: str) -> None:
    once = repair(text, "auto")
    assert automatic(once, "auto") == []


@pytest.mark.parametrize(
    "text", ["He called it a “{photograph}”.", "It's as a result of of the rain.", "It's a extra robust drive."]
)
def test_in_a_text_assumed_to_be_spun_a_rule_leaves_alone_what_another_has_written(text: str) -> None:
    assert len(automatic(text, "assume")) == 1


@settings(max_examples=150, deadline=None)
@given(texts(), st.randoms(use_true_random=False))
def test_any_subset_of_the_edits_of_any_text_can_be_undone(text: str, chooser: random.Random) -> None:
    edits = automatic(text, "assume")
    assert all(text[edit.start : edit.end] == edit.before != edit.after for edit in edits)
    spans = [span for span in spans_of(edits) if chooser.random() < 0.7]
    assert apply_spans(apply_spans(text, spans), invert_spans(text, spans)) == text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(wordings_of_tables(), st.sampled_from(PROTECTED)), min_size=1, max_size=6))
def test_numbers_dates_units_addresses_handles_code_and_allowed_phrases_stay(parts: list[tuple[str, str]]) -> None:
    text, places = "", []
    for words, kept in parts:
        text += f"{words}; "
        places.append((len(text), len(text) + len(kept)))
        text += f"{kept}; "
    for edit in automatic(text, "assume"):
        assert not any(start < edit.end and edit.start < end for start, end in places), edit


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(wordings_of_tables(), st.sampled_from(["Zoran", "Ilse Okwuosa", "McNulty", "Škoda", "Nørrebro"])), max_size=6
    )
)
def test_names_the_tables_do_not_know_stay(parts: list[tuple[str, str]]) -> None:
    text = " ".join(f"{words} {name}" for words, name in parts)
    names = [name for _, name in parts]
    assert [match[0] for match in re.finditer("|".join(names) or "$^", repair(text, "assume"))] == [
        match[0] for match in re.finditer("|".join(names) or "$^", text)
    ]


def test_no_rule_writes_a_digit_that_was_not_there() -> None:
    def digits(text: str) -> str:
        return "".join(re.findall(r"\d", text))

    for form in forms():
        for original in form.originals if form.rule.rule.tier in AUTOMATIC_TIERS else ():
            assert digits(original) in {"", digits(form.text)}, (form.rule.rule.id, form.text, original)


@pytest.mark.parametrize("spin", MODES)
def test_an_eighth_of_all_forms_is_repaired_and_can_be_undone_and_for_good(spin: str) -> None:
    chooser = random.Random(1)
    chosen = chooser.sample(wordings(), len(wordings()) // 8)
    for at in range(0, len(chosen), 40):
        text = " ".join(chooser.choice(CARRIERS).format(form) for form in chosen[at : at + 40])
        edits = automatic(text, spin)
        once = apply_spans(text, spans_of(edits))
        assert apply_spans(once, invert_spans(text, spans_of(edits))) == text
        assert automatic(once, "auto") == [], once


def sample_of_texts() -> list[str]:
    chooser = random.Random(2)
    spun = [path.read_text("utf-8") for path in sorted((ROOT / "seeds" / "corpus").glob("*-spun-*.txt"))[:3]]
    return [*spun, *(" ".join(chooser.sample(examples(), 15)) for _ in range(8))]


def digest_of_repairs(repairer: Repairer) -> str:
    """A digest of everything that is found in a sample of texts."""
    digest = hashlib.sha256()
    for text in sample_of_texts():
        digest.update(repr(repairer.repair(Article("a", text))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def test_the_order_of_the_rules_does_not_matter() -> None:
    rules = list(lexicon().rules)
    expected = digest_of_repairs(repairer("assume"))
    for shuffled in (rules[::-1], random.Random(3).sample(rules, len(rules))):
        other = dataclasses.replace(lexicon(), rules=tuple(shuffled))
        assert digest_of_repairs(Repairer(other, RepairSettings(spin="assume"))) == expected


def test_the_hash_seed_does_not_matter() -> None:
    script = "import test_tables as t; print(t.digest_of_repairs(t.repairer('assume')))"
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    digests = set()
    for seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        digests.add(subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True).stdout)
    assert len(digests) == 1
