"""Repair of a single text, for those who have no corpus: the Python twin of `dedupe repair`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dedupe.config import RepairSettings
from dedupe.model import Article, Repair
from dedupe.text.edits import Span, apply_spans
from dedupe.text.lexicon import load_lexicon

if TYPE_CHECKING:
    from dedupe.repair.repairer import Repairer


@dataclass(frozen=True)
class RepairedText:
    """A text and a title with the automatic edits made, and the repair that tells of all edits, flags and roles."""

    text: str
    title: str
    repair: Repair


def make_repairer(settings: RepairSettings | None = None) -> Repairer:
    """A repairer with the tables that the settings ask for; build it once when there are many texts."""
    settings = settings or RepairSettings()
    from dedupe.repair.repairer import Repairer  # noqa: PLC0415 half of the start-up of `dedupe find`, which repairs nothing

    return Repairer(load_lexicon(settings.language, settings.rules, settings.disable, settings.allow), settings)


def repair_text(
    text: str, title: str = "", *, repairer: Repairer | None = None, witnesses: Iterable[str] = (), id: str = ""
) -> RepairedText:
    """The text with its automatic repairs made, and what was found.

    Pass a `repairer` from `make_repairer` when there are many texts or settings of your own. `witnesses` are other versions of
    the article.

    >>> repair_text("Sergei Lavrov. Photo: Getty Pictures").text
    'Sergei Lavrov. Photo: Getty Images'
    """
    repair = (repairer or make_repairer()).repair(Article(id, text, title), witnesses)
    made = {
        field: [Span(edit.start, edit.end, edit.after) for edit in repair.edits if edit.automatic and edit.field == field]
        for field in ("text", "title")
    }
    return RepairedText(apply_spans(text, made["text"]), apply_spans(title, made["title"]), repair)
