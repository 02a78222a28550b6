"""The grammar of what repair writes: letter case, a and an, possessives, comparatives, was and were, doubled words, spelling.

Whole sentences, in a text taken as spun; those that must stay as they are come first.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.config import RepairSettings
from dedupe.model import Article
from dedupe.repair.grammar import (
    announced_number,
    compare,
    doubles_a_word,
    fit_possessive,
    fitting_article,
    has_inner_capital,
    match_case,
    read_casing,
    subject_number,
)
from dedupe.repair.repairer import Repairer
from dedupe.repair.resolve import Proposal, refuse_doubled
from dedupe.text.edits import Span, apply_spans
from dedupe.text.lexicon import Lexicon, load_lexicon
from dedupe.text.spelling import SpellingPair, Spellings

LEXICON = load_lexicon()
REPAIRER = Repairer(LEXICON, RepairSettings(spin="assume", context=False))


def repair(text: str) -> str:
    edits = [edit for edit in REPAIRER.repair(Article("a", text)).edits if edit.automatic]
    return apply_spans(text, [Span(edit.start, edit.end, edit.after) for edit in edits])


@pytest.mark.parametrize(
    "text",
    [
        "The employees' plan failed; the boss's plan, the class' plan and the state's plan did not.",
        "McDonald's shares rose, and he liked iPhones.",
        "The ship had been sunk before dawn, and he had been able to come.",
        "It had been closed in 1990.",
        "One of the ships had been sunk.",
        "The crew of the ships had been lost.",
        "The series had been cancelled, and the United States had been attacked.",
        "The boy, who had been asleep, woke up.",
        "Reyes had been among 44 of them.",
        "There had been a foul.",
        "Each home had been searched.",
        "Most robust plans need a more robust and lasting peace.",
        "It was the most extremely effective of all.",
        "The organization of the organisation had an hour and a union, an FBI agent and a UN envoy.",
    ],
)
def test_good_grammar_stays(text: str) -> None:
    assert repair(text) == text


@pytest.mark.parametrize(
    ("spun", "repaired"),
    [
        # possessives: the ending is that of the word that comes back
        ("The firms' rights were sold.", "The companies' rights were sold."),
        ("The youngsters' rights are clear.", "The children's rights are clear."),
        ("A youngsters’ hospital opens.", "A children’s hospital opens."),
        ("Each youngster's rights are clear.", "Each kid's rights are clear."),
        ("The White Home's spokesman left.", "The White House's spokesman left."),
        ("The firms's plan failed.", "The companies' plan failed."),
        # comparatives
        ("It is more robust than before.", "It is stronger than before."),
        ("It was its most robust quarter in years.", "It was its strongest quarter in years."),
        ("It's a extra robust drive.", "It's a more robust drive."),
        ("A extra wholesome diet.", "A more healthy diet."),
        # was and were, by the subject
        ("They had been able to come.", "They were able to come."),
        (
            "At least seven folks had been injured, and 12 had been killed.",
            "At least seven people were injured, and 12 were killed.",
        ),
        ("A variety of folks had been killed.", "A lot of people were killed."),
        ("The boys, who had been asleep, woke up.", "The boys, who were asleep, woke up."),
        ("There had been no survivors.", "There were no survivors."),
        # a and an
        ("They reached an settlement.", "They reached an agreement."),
        ("An settlement was reached.", "An agreement was reached."),
        # letter case
        ("INTERNATIONAL MINISTER LAVROV SPEAKS", "FOREIGN MINISTER LAVROV SPEAKS"),
        ("International minister Lavrov spoke.", "Foreign minister Lavrov spoke."),
        # words that would stand twice
        ("It's as a result of of the rain.", "It's because of the rain."),
        # spelling: as the rest of the text has it
        ("They went in the direction of the house and towards it.", "They went towards the house and towards it."),
        ("They went in the direction of the house and toward it.", "They went toward the house and toward it."),
    ],
)
def test_what_comes_back_fits_its_sentence(spun: str, repaired: str) -> None:
    assert repair(spun) == repaired


@pytest.mark.parametrize(
    ("hit", "text", "after", "end", "written"),
    [
        ("agency", "agency's chief", "company", 6, "company"),
        ("persons", "persons' rights", "people", 8, "people's"),
        ("persons", "persons’ rights", "people", 8, "people’s"),
        ("folk", "folk's rights", "voters", 6, "voters'"),
        ("firms", "firms's plan", "companies", 7, "companies'"),
        ("firm", "firm's plan", "business", 4, "business"),  # the ending outside stays: business's
        ("firms", "firms' rights", "companies", 5, "companies"),
        ("persons", "persons' ", "people", 7, "people"),  # nothing follows: the mark closes a quotation
        ("firm", "firm is", "company", 4, "company"),
        ("firms", "firms' plan", "", 5, ""),
    ],
)
def test_a_possessive_has_the_ending_of_its_word(hit: str, text: str, after: str, end: int, written: str) -> None:
    assert fit_possessive(text, len(hit), hit, after) == (end, written)


def test_a_closing_quotation_mark_is_no_possessive() -> None:
    text = "the ‘persons’ who left"
    assert fit_possessive(text, text.index("’"), "persons", "people") == (text.index("’"), "people")


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("", None),
        ("Ann and Bob", None),
        ("The nurse or the doctors", "plural"),
        ("who", None),
        ("the injured", None),
        ("the head of the agencies", "singular"),
        ("a number of people", "plural"),
        ("the number of people", "singular"),
        ("A majority of voters", "plural"),
        ("the boys , who", "plural"),
        ("the plan , which", "singular"),
        ("the ships that", "plural"),
        ("the vessel , the Halcyon ,", "singular"),
        ("the ships still", "plural"),
        ("some women", "plural"),
        ("12", "plural"),
        ("1", None),
        ("the news", "singular"),
        ("the series", "singular"),
        ("the bus", "singular"),
        ("the crisis", "singular"),
        ("when the ships", "plural"),
        ("on the days after she", "singular"),
        ("and this", "singular"),
        ("two thirds of the island", "singular"),
        ("half of the ships", "plural"),
    ],
)
def test_the_number_of_a_subject(subject: str, number: str | None) -> None:
    assert subject_number(subject.split()[::-1], {"women"}) == number


@pytest.mark.parametrize(
    ("announced", "number"),
    [
        ("a storm over the hills", "singular"),
        ("also another storm", "singular"),
        ("no longer a mayor", "singular"),
        ("no proof of it", "singular"),
        ("no crisis", "singular"),
        ("a number of storms", "plural"),
        ("a few storms", "plural"),
        ("no heavy storms in May", "plural"),
        ("no women", "plural"),
        ("several", "plural"),
        ("storms", "plural"),
        ("rain", None),
        ("a lot", None),
        ("such a storm", "singular"),
        ("", None),
    ],
)
def test_the_number_of_what_there_is(announced: str, number: str | None) -> None:
    assert announced_number(announced.split(), {"women"}) == number


@pytest.mark.parametrize(
    ("degree", "adjective", "form"),
    [
        ("more", "big", "bigger"),
        ("Most", "big", "Biggest"),
        ("more", "easy", "easier"),
        ("more", "good", "better"),
        ("more", "careful", None),
        ("more", "quickly", None),
        ("more", "real-time", None),
        ("more", "next", None),
    ],
)
def test_short_adjectives_are_compared_by_endings(degree: str, adjective: str, form: str | None) -> None:
    assert compare(degree, adjective, LEXICON.word_lists["Adj"], LEXICON.irregulars) == form


@pytest.mark.parametrize(
    ("hit", "original", "line", "written"),
    [
        ("folks", "people", "title", "people"),
        ("Folks", "young people", "", "Young people"),
        ("Folks", "young people", "title", "Young People"),
        ("The Place", "where", "", "Where"),
        ("AFP", "agency", "", "Agency"),  # three capitals in prose are an abbreviation, not a shout
        ("CAR", "vehicle", "upper", "VEHICLE"),
        ("IN THE COURSE OF", "during", "", "DURING"),
        ("Reason for the Delay", "cause of the wait", "", "Cause of the Wait"),
        ("Well being Insurance", "health insurance", "", "Health Insurance"),
        ("The Of", "about it", "title", "About It"),
        ("", "x", "", "x"),
        ("42", "people", "", "people"),
    ],
)
def test_letter_case_is_carried_over(hit: str, original: str, line: str, written: str) -> None:
    assert match_case(hit, original, line) == written  # type: ignore[arg-type]


def test_a_line_is_in_capitals_or_a_title_by_its_long_words() -> None:
    lines = ["BIG BANK FAILS TODAY", "Big Bank Fails in Rome", "The big bank of Rome has failed", "Oh"]
    assert [read_casing(line).case for line in lines] == ["upper", "title", "", ""]


def test_names_with_inner_capitals_are_known() -> None:
    assert [has_inner_capital(word) for word in ("YouTube", "eBay", "MacOS", "Youtube", "IBM", "U.S.")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "hit", "after", "clash"),
    [
        ("he went to the house", "house", "home", False),
        ("in the place where", "the place", "where", True),
        ("the good place", "good place", "where", True),
        ("the good place", "good", "very good", False),
        ("the most extremely good", "extremely", "very", True),
        ("a hit song", "hit", "a success", True),
        ("he also again left", "again", "", False),
        ("he left again left", "again", "", True),
        ("it is. The place there", "The place", "Is the spot", False),
    ],
)
def test_words_that_clash_at_the_border_of_an_edit(text: str, hit: str, after: str, clash: bool) -> None:
    start = text.index(hit)
    assert doubles_a_word(text, start, start + len(hit), after) is clash


def test_of_two_edits_side_by_side_that_would_double_a_word_the_second_is_refused() -> None:
    def proposal(start: int, end: int, after: str, tier: str = "spun") -> Proposal:
        return Proposal(start, end, after, ("r",), tier, False)  # type: ignore[arg-type]

    text = "one two three"
    first, second, third = proposal(0, 3, "go to"), proposal(4, 7, "to it"), proposal(8, 13, "by")
    assert refuse_doubled(text, [first, second, third]) == [first, third]
    asked = proposal(4, 7, "to it", "ask")
    assert refuse_doubled(text, [first, asked, third]) == [first, asked, third]
    assert refuse_doubled("one, two", [first, proposal(5, 8, "to it")]) == [first, proposal(5, 8, "to it")]
    assert refuse_doubled(text, [proposal(0, 3, "the"), proposal(4, 7, "where")]) == [proposal(0, 3, "the")]


SPELLINGS = Spellings(
    [
        SpellingPair("color", "colour", "spelling"),
        SpellingPair("center", "centre", "spelling"),
        SpellingPair("toward", "towards", "own"),
        SpellingPair("U.S.", "US", "points"),
    ]
)


@pytest.mark.parametrize(
    ("document", "wording", "fitted"),
    [
        ("", "the color of the U.S. toward", "the color of the U.S. toward"),
        ("Colour Centre", "the center", "the center"),  # names keep their own spelling, and are no evidence
        ("a colour", "the center", "the centre"),
        ("a colour", "The Center of the CENTER", "The Centre of the CENTRE"),
        ("a colour", "toward", "toward"),  # a pair of its own is decided by its own forms
        ("towards", "Toward", "Towards"),
        ("the US in color", "U.S. colour", "US color"),
        ("the U.S. of us", "give us the US", "give us the U.S."),
        ("colour and color", "center", "center"),
    ],
)
def test_a_word_is_spelled_as_the_document_spells(document: str, wording: str, fitted: str) -> None:
    assert SPELLINGS.fit(wording, SPELLINGS.lean(document)) == fitted


def test_a_name_is_respelled_in_its_points_only() -> None:
    leaning = SPELLINGS.lean("the US and a colour")
    assert SPELLINGS.fit("U.S. Center", leaning, {"points"}) == "US Center"


@given(st.text("aAuUoO bBcCrRsS.,’'", max_size=30), st.text(max_size=30))
def test_spelling_twice_is_spelling_once(wording: str, document: str) -> None:
    spellings = Spellings(LEXICON.spelling)
    leaning = spellings.lean(document + " colour organize")
    once = spellings.fit(wording, leaning)
    assert spellings.fit(once, leaning) == once


def test_every_spelling_pair_stands_once_and_differs() -> None:
    assert_pairs_are_sound(LEXICON)


def assert_pairs_are_sound(lexicon: Lexicon) -> None:
    forms = [form for pair in lexicon.spelling for form in (pair.american, pair.british)]
    assert len(forms) == len(set(forms))


@pytest.mark.parametrize(
    ("article", "following", "fitting"),
    [
        ("a", "hour", "an"),
        ("an", "union", "a"),
        ("a", "FBI agent", "an"),
        ("an", "UN envoy", "a"),
        ("a", "8-year-old", "an"),
        ("an", "180-day plan", "a"),
        ("a", "11 percent", "an"),
        ("an", "one-off", "a"),
        ("a", "honest man", "an"),
        ("an", "historic day", "a"),
        ("A", "apple", "An"),
        ("AN", "BIG DEAL", "A"),
        ("a", "NATO ally", "a"),
        ("a", "", "a"),
    ],
)
def test_the_article_fits_the_sound(article: str, following: str, fitting: str) -> None:
    assert fitting_article(article, following) == fitting
