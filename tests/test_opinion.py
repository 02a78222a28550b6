"""The second opinion: the model's word counts, it is asked little and not twice, and edits say what they rest on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from conftest import Cli
from test_language_model import write_model

from dedupe.config import RepairSettings
from dedupe.model import Article
from dedupe.repair.context import Context
from dedupe.repair.opinion import Opinion
from dedupe.repair.repairer import Repairer
from dedupe.text.edits import Span
from dedupe.text.lexicon import load_lexicon

TEXT = "The minister mentioned on Tuesday that the metropolis would purchase 40 new buses for the winter."


class Reader:
    """A model that likes some words, and remembers what it was asked."""

    def __init__(self, *liked: str) -> None:
        self.liked, self.asked = liked, list[tuple[str, str]]()

    def score(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        self.asked += texts
        return [20.0 * sum(word in text for word in self.liked) for _, text in texts]


@lru_cache
def context() -> Context:
    repairer = Repairer(load_lexicon(), RepairSettings())
    assert isinstance(repairer._context, Context)
    return repairer._context


def opinion(reader: Reader) -> Opinion:
    return Opinion(context(), reader, load_lexicon().context)


def guesses(reader: Reader, text: str = TEXT, written: Sequence[Span] = ()) -> list[tuple[str, str]]:
    return [(text[guess.start : guess.end], guess.original) for guess in opinion(reader).guess(text, written, [], 0.0)]


def test_what_the_model_likes_is_guessed() -> None:
    assert guesses(Reader("city")) == [("metropolis", "city")]
    assert guesses(Reader("city", "buy")) == [("metropolis", "city"), ("purchase", "buy")]


def test_what_the_model_likes_as_it_stands_is_kept() -> None:
    assert guesses(Reader("mentioned", "metropolis", "purchase", "would", "Tuesday", "new", "winter", "minister")) == []


def test_only_what_the_trigrams_leave_possible_is_asked() -> None:
    reader = Reader()
    guesses(reader)
    assert 0 < len(reader.asked) <= 2 * 3 * len(TEXT.split())


def test_nothing_is_asked_twice() -> None:
    reader = Reader()
    second = opinion(reader)
    second.guess(TEXT, (), [], 0.0)
    asked = len(reader.asked)
    second.guess(TEXT, (), [], 0.0)
    assert len(reader.asked) == asked == len(set(reader.asked))


def test_what_is_written_anyway_is_read_as_written() -> None:
    reader = Reader("buy")
    at = TEXT.index("metropolis")
    assert guesses(reader, written=[Span(at, at + 10, "city")]) == [("purchase", "buy")]
    assert all("metropolis" not in before + text for before, text in reader.asked)


def test_a_piece_is_read_with_its_letter_case_and_its_neighbours() -> None:
    reader = Reader()
    guesses(reader, "Metropolis officials said so.")
    assert ("The news today:", " City officials said so.") in reader.asked


def test_long_paragraphs_are_read_in_pieces_that_begin_and_end_at_words() -> None:
    reader, text = Reader(), "x" + "ordinary words " * 60 + "the metropolis grew " + "ordinary words " * 60
    guesses(reader, text)
    asked = [(before, after) for before, after in reader.asked if after.startswith(" metropolis")]
    assert asked
    for before, after in asked:
        assert set(before.split()) <= {"ordinary", "words", "the"}
        assert set(after.split()) <= {"ordinary", "words", "metropolis", "grew"}
        assert len(before) <= 60
        assert len(after) <= 30 + len(" metropolis")


def test_the_repairer_asks_the_model_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "m.gguf")
    lexicon = dataclasses.replace(load_lexicon(), rules=())  # or some rule would be faster
    repairer = Repairer(lexicon, RepairSettings(spin="assume", model=str(tmp_path / "m.gguf")))
    monkeypatch.setattr("dedupe.repair.repairer.load_model", lambda path: Reader("metropolis", "buy"))
    edits = [edit for edit in repairer.repair(Article("a", TEXT)).edits if edit.automatic and "context" in edit.evidence]
    assert [(edit.before, edit.after) for edit in edits] == [("purchase", "buy")]


def test_a_whole_repair_with_a_model_from_a_file(cli: Cli, tmp_path: Path) -> None:
    write_model(tmp_path / "m.gguf")
    (tmp_path / "a.txt").write_text(TEXT + "\n")
    done = cli("repair", tmp_path / "a.txt", "--spin", "assume", "--model", tmp_path / "m.gguf")
    assert done.code == 0
    assert "40 new buses" in done.out


def test_a_model_that_is_not_there_stops_the_command_before_it_begins(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT + "\n")
    done = cli("run", tmp_path / "a.txt", "--model", "no.gguf", "-o", tmp_path / "out")
    assert done.code == 2
    assert "there is no such model" in done.err
    assert not (tmp_path / "out").exists()
