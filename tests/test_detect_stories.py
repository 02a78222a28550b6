"""Stories: reports of one event are linked by what each found out; the same people on another day are not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.detect.stories import StoryLink, group_stories, link_stories
from dedupe.detect.terms import CAPITAL, NUMBER, TermProfiler, Terms, extract_terms, judge_figures, spell_terms

CORPUS = ROOT / "seeds" / "corpus"
SUBJECTS = sorted(path.name.removesuffix("-independent.txt") for path in CORPUS.glob("*-independent.txt"))


def read_seed(name: str) -> str:
    return (CORPUS / f"{name}.txt").read_text("utf-8")


def link(texts: Sequence[str], dates: Sequence[float] = (), days: float = 3.0) -> set[tuple[int, int]]:
    moments = np.array(dates or [math.nan] * len(texts), np.float64)
    links = link_stories(extract_terms(list(texts)), np.arange(len(texts)), moments, days)
    return {(found.a, found.b) for found in links}


def count_marks(text: str) -> tuple[int, int]:
    terms = extract_terms([text])
    return int((terms.marks == CAPITAL).sum()), int((terms.marks == NUMBER).sum())


PLAIN = " The rest of this text has no more than ordinary words in it, so that names are few among them and stand out well."


def test_reports_of_different_events_are_not_linked() -> None:
    assert link([read_seed(f"{subject}-original") for subject in SUBJECTS]) == set()


def test_the_same_people_a_week_later_are_another_story() -> None:
    for subject in ("strait", "derby"):
        versions = ("original", "nextweek", "independent")
        assert not {(0, 1), (1, 2)} & link([read_seed(f"{subject}-{version}") for version in versions])


def test_independent_reports_join_their_originals() -> None:
    texts = [read_seed(f"{subject}-{version}") for subject in SUBJECTS for version in ("original", "independent")]
    found = link(texts)
    assert found <= {(place, place + 1) for place in range(0, len(texts), 2)}
    # The only figure that both reports on the strait have is fourteen, which could be a day of the month.
    assert len(found) == len(SUBJECTS) - 1


def test_two_reports_alone_are_corpus_enough() -> None:
    assert link([read_seed("ferry-original"), read_seed("ferry-independent")]) == {(0, 1)}


def test_a_spun_report_is_known_by_its_names_and_numbers() -> None:
    assert link([read_seed("ferry-independent"), read_seed("ferry-spun-a")]) == {(0, 1)}


def test_dated_reports_are_linked_within_the_window_only() -> None:
    texts = [read_seed("ferry-original"), read_seed("ferry-independent")]
    assert link(texts, [100.0, 103.0]) == {(0, 1)}
    assert link(texts, [100.0, 103.5]) == set()
    assert link(texts, [100.0, math.nan]) == {(0, 1)}
    assert link(texts, [100.0, 110.0], days=10) == {(0, 1)}


def test_the_order_of_the_texts_does_not_matter() -> None:
    texts = {
        f"{subject}-{version}": read_seed(f"{subject}-{version}")
        for subject in SUBJECTS
        for version in ("original", "independent")
    }
    names = sorted(texts)
    expected = {(names[a], names[b]) for a, b in link([texts[name] for name in names])}
    random.Random(4).shuffle(names)
    found = link([texts[name] for name in names])
    assert {tuple(sorted((names[a], names[b]))) for a, b in found} == expected


def test_rows_left_out_are_linked_to_nothing() -> None:
    terms = extract_terms([read_seed("ferry-original"), read_seed("ferry-independent"), read_seed("ferry-wire")])
    links = link_stories(terms, np.array([1, 2]), np.full(2, math.nan), 3)
    assert [(found.a, found.b) for found in links] == [(1, 2)]


def test_what_a_press_office_puts_under_everything_links_nothing() -> None:
    foot = " For details call Melissa Wagoner or Laura Capps, Brekka, at 4122 or 7391, or ask for Ines Duarte and Omar Said."
    assert link([read_seed(f"{subject}-original") + foot for subject in SUBJECTS[:2]]) == set()
    assert link([read_seed(f"{subject}-original") + foot for subject in SUBJECTS]) == set()


def test_texts_that_share_no_more_than_a_calendar_are_not_linked() -> None:
    one = "On Monday 14 March 2024 the council of Velsing met and spoke of its roads." + PLAIN
    two = "On Monday 14 March 2024 the choir of Velsing sang, and nobody in the hall had a coat on." + PLAIN
    assert link([one, two]) == set()


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["One two three.", "One two three."], ["7 8 9", "7 8 9"], ["A", "B"]])
def test_almost_nothing_is_no_story(texts: list[str]) -> None:
    assert link(texts) == set()


GERMAN = [
    "Die Regierung in der Hauptstadt hat am Montag mit der Opposition über den Haushalt gesprochen. Der Minister sagte, dass"
    " die Ausgaben um 20 Prozent steigen werden und die Steuern im Jahr 2024 bleiben. Die Gewerkschaft nannte den Plan falsch.",
    "Der Minister für Verkehr hat am Montag in der Hauptstadt eine Brücke eröffnet. Die Regierung will im Jahr 2024 weitere"
    " Straßen bauen, und die Opposition lobte den Plan. Rund 20 Prozent der Ausgaben trägt die Stadt, sagte der Minister.",
]
CHINESE = [
    "外交部长星期一在北京表示，政府将继续就贸易问题与邻国谈判。他说，双方在过去一年里举行了20次会议，取得了进展。",
    "教育部长星期一在北京表示，政府将在明年新建20所学校。他说，许多地区的学生人数在过去一年里有所增加。",
]
THAI = [
    "นายกรัฐมนตรีกล่าวเมื่อวันจันทร์ว่ารัฐบาลจะเจรจาต่อไป 20 ครั้ง",
    "รัฐมนตรีศึกษากล่าวเมื่อวันจันทร์ว่ารัฐบาลจะสร้างโรงเรียน 20 แห่ง",
]
ARABIC = [
    "قال وزير الخارجية يوم الاثنين إن الحكومة ستواصل 20 جولة من المحادثات",
    "قال وزير التعليم يوم الاثنين إن الحكومة ستبني 20 مدرسة جديدة",
]
HINDI = [
    "विदेश मंत्री ने सोमवार को कहा कि सरकार 20 दौर की वार्ता जारी रखेगी",
    "शिक्षा मंत्री ने सोमवार को कहा कि सरकार 20 नए स्कूल बनाएगी",
]


@pytest.mark.parametrize("texts", [GERMAN, CHINESE, THAI, ARABIC, HINDI, [text.upper() for text in GERMAN]])
def test_languages_of_other_habits_are_not_linked_for_their_common_words(texts: list[str]) -> None:
    assert link(texts) == set()
    assert link(texts * 3) == set()  # nor are copies of them, which are no reports of their own


def test_a_language_without_capitals_is_linked_by_its_rare_words() -> None:
    # Invented words, all in lower case; the two reports of an event share rare ones and figures in words of their own.
    chooser = random.Random(11)
    common = ["".join(chooser.choices("aeioulnrst", k=4)) for _ in range(200)]
    rare = ["".join(chooser.choices("bcdfghkmpz", k=7)) for _ in range(12)]

    def report(words: Sequence[str]) -> str:
        return " ".join(part for word in words for part in (*chooser.choices(common, k=9), word, *chooser.choices(common, k=4)))

    others = [" ".join(chooser.choices(common, k=60)) for _ in range(3000)]
    assert link([report([*rare, "4,120", "917"]), report([*rare[::-1], "917", "4,120"]), *others]) == {(0, 1)}


def test_german_nouns_are_no_names() -> None:
    terms = extract_terms([GERMAN[0], PLAIN + " On Monday Ada Brandt was there.", "ohne jeden buchstaben davon " * 9])
    assert terms.cased.tolist() == [False, True, False]


def test_a_capital_counts_inside_a_sentence_only() -> None:
    assert count_marks("Boats came. Boats left, and so did Karin Holt. “Never again,” said Tom." + PLAIN) == (3, 0)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9,400 came", "9,400"),
        ("at 6:40 a.m.", "6:40"),
        ("3-2 it was", "3-2"),
        ("the 117 th", "117"),
        ("5 km", "5"),
        ("8km", "8"),
    ],
)
def test_a_number_is_one_term_as_it_is_written(text: str, number: str) -> None:
    terms = extract_terms([text])
    numbers = terms.terms[terms.marks == NUMBER].tolist()
    assert list(spell_terms([text], [numbers])[0].values()) == [number]


def test_round_numbers_and_dates_are_worth_less() -> None:
    rarity = {}
    for number in ("7", "2,600", "26", "1998", "1,998", "0"):
        terms = extract_terms([f"they said {number} of them"])
        shares, worths = judge_figures(terms.figures)
        rarity[number] = (shares.tolist(), worths.tolist())
    assert rarity["2,600"] == ([0.6 / 26], [1.0])
    assert rarity["26"] == ([0.6 / 26], [0.5])
    assert rarity["1998"] == ([0.6 / 1998], [0.5])
    assert rarity["1,998"] == ([0.6 / 1998], [1.0])
    assert rarity["7"] == ([0.6 / 7], [0.5])
    assert rarity["0"] == ([0.3], [0.5])


@given(st.lists(st.text(max_size=80), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_text_has_terms_in_order_and_of_one_batch_or_many(texts: list[str]) -> None:
    whole = extract_terms(texts)
    profiler = TermProfiler()
    profiler.extend(texts)
    assert_same(profiler.finish(), whole)
    for low, high in zip(whole.offsets[:-1], whole.offsets[1:], strict=True):
        assert (np.diff(whole.terms[low:high].astype(np.int64)) > 0).all()
    for row, text in enumerate(texts):
        assert_same(extract_terms([text]), cut(whole, row))


def cut(terms: Terms, row: int) -> Terms:
    columns = terms.offsets, terms.bounds, terms.figure_bounds
    at, seen, counted = (slice(column[row], column[row + 1]) for column in columns)
    offsets, bounds, figure_bounds = (np.array([0, part.stop - part.start]) for part in (at, seen, counted))
    return Terms(
        terms.terms[at],
        terms.marks[at],
        offsets,
        terms.sightings[seen],
        terms.contexts[seen],
        bounds,
        terms.figures[counted],
        figure_bounds,
        terms.cased[row : row + 1],
    )


def assert_same(one: Terms, two: Terms) -> None:
    for name in Terms.__slots__:
        assert getattr(one, name).tolist() == getattr(two, name).tolist(), name


def links_of(pairs: Sequence[tuple[int, int]]) -> list[StoryLink]:
    return [StoryLink(a, b, 0.5, ()) for a, b in pairs]


def test_a_chain_of_links_is_no_story() -> None:
    groups = group_stories(links_of([(i, i + 1) for i in range(30)]))
    assert max(map(len, groups)) <= 3


def test_a_group_holds_together_though_some_links_are_missing() -> None:
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a + b) % 4]
    assert group_stories(links_of(pairs)) == [list(range(8))]


def test_two_groups_with_one_link_between_them_stay_two() -> None:
    inside = [(a, b) for low in (0, 5) for a in range(low, low + 5) for b in range(a + 1, low + 5)]
    assert group_stories(links_of([*inside, (0, 5)])) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_a_name_that_is_everywhere_proposes_nothing() -> None:
    # 3,000 texts that all name the same three people: each pair of them is a candidate for an inverted index without a cap.
    filler = read_seed("orchard-clean").split()
    chooser = random.Random(3)
    texts = [
        " ".join(chooser.choices(filler, k=60)).lower() + f" and Ada Brandt, Karin Holt and Tom Weir met {number} people"
        for number in range(3000)
    ]
    assert link(texts) == set()
