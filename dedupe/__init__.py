"""dedupe: a scraped news corpus goes in, a clean one comes out.

The public API as a table of contents; each name is described where it lives.

    run, find                   the whole job, or only the relations          dedupe.pipeline, dedupe.findings
    Stream                      one article after the other, and an index     dedupe.ingest.stream
    repair_text, make_repairer  one text, many texts                          dedupe.texts
    append_decision             a person's verdict on an edit                 dedupe.review.ledger
    import_decisions            a colleague's verdicts, taken in              dedupe.review.ledger
    export_rules                verdicts as rules for the next crawl          dedupe.review.export
    apply_decisions, undo       a reviewed run, a run taken back              dedupe.apply, dedupe.corpus.undo
    examine                     whether a finished run is whole               dedupe.corpus.doctor
    explain                     why a pair is linked, why an article was kept dedupe.explanation
    Settings, load_settings     what a run may do, section by section         dedupe.config
    Article, Pair, ...          the nouns                                     dedupe.model

Names are loaded when they are first used, so that `import dedupe` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dedupe.apply import apply_decisions
    from dedupe.config import (
        ChooseSettings,
        EmitSettings,
        FindSettings,
        ReadSettings,
        RepairSettings,
        Settings,
        StreamSettings,
        load_settings,
    )
    from dedupe.corpus.doctor import Diagnosis, examine
    from dedupe.corpus.undo import undo
    from dedupe.errors import ConservationError, DedupeError, IndexStateError, InputError, LockedError, RuleError, UsageError
    from dedupe.explanation import explain
    from dedupe.findings import find
    from dedupe.ingest.stream import Result, Stream
    from dedupe.model import Article, Cluster, Decision, Edit, Flag, Pair, Repair, Role, Rule
    from dedupe.pipeline import run
    from dedupe.relate import Relations
    from dedupe.review.export import export_rules
    from dedupe.review.ledger import append_decision, import_decisions
    from dedupe.review.summary import Summary
    from dedupe.texts import RepairedText, make_repairer, repair_text

__all__ = [
    "Article",
    "ChooseSettings",
    "Cluster",
    "ConservationError",
    "Decision",
    "DedupeError",
    "Diagnosis",
    "Edit",
    "EmitSettings",
    "FindSettings",
    "Flag",
    "IndexStateError",
    "InputError",
    "LockedError",
    "Pair",
    "ReadSettings",
    "Relations",
    "Repair",
    "RepairSettings",
    "RepairedText",
    "Result",
    "Role",
    "Rule",
    "RuleError",
    "Settings",
    "Stream",
    "StreamSettings",
    "Summary",
    "UsageError",
    "append_decision",
    "apply_decisions",
    "examine",
    "explain",
    "export_rules",
    "find",
    "import_decisions",
    "load_settings",
    "make_repairer",
    "repair_text",
    "run",
    "undo",
]

_HOMES = {
    "dedupe.apply": ("apply_decisions",),
    "dedupe.config": (
        "ChooseSettings",
        "EmitSettings",
        "FindSettings",
        "ReadSettings",
        "RepairSettings",
        "Settings",
        "StreamSettings",
        "load_settings",
    ),
    "dedupe.corpus.doctor": ("Diagnosis", "examine"),
    "dedupe.corpus.undo": ("undo",),
    "dedupe.errors": (
        "ConservationError",
        "DedupeError",
        "IndexStateError",
        "InputError",
        "LockedError",
        "RuleError",
        "UsageError",
    ),
    "dedupe.explanation": ("explain",),
    "dedupe.findings": ("find",),
    "dedupe.ingest.stream": ("Result", "Stream"),
    "dedupe.model": ("Article", "Cluster", "Decision", "Edit", "Flag", "Pair", "Repair", "Role", "Rule"),
    "dedupe.pipeline": ("run",),
    "dedupe.relate": ("Relations",),
    "dedupe.review.export": ("export_rules",),
    "dedupe.review.ledger": ("append_decision", "import_decisions"),
    "dedupe.review.summary": ("Summary",),
    "dedupe.texts": ("RepairedText", "make_repairer", "repair_text"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'dedupe' has no attribute {name!r}")
