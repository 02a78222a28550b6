"""The report: one static HTML file with the totals, the clusters and their reasons, and the edits as diffs by rule.

Nothing is fetched: the text of an article, however hostile, is escaped, and the content security policy forbids everything
but the one style sheet inside and the one script, which takes a reader's verdicts away as decisions.jsonl.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from dedupe.model import LINKING_KINDS, Cluster, Edit, Repair, Where, as_dict
from dedupe.review.summary import Summary

EDITS_PER_RULE, EDITS_SHOWN = 40, 2_000
CONTEXT = 60  # characters of the field shown on each side of an edit
_ROWS_SHOWN, _MEMBERS_SHOWN = 500, 20
_OF_THE_VIEW = {"id", "made", "left", "right", "source"}
_WORDING_SHOWN = 40  # characters of an edit in the line of its rule
_TIERS = {
    "safe": "acts anywhere",
    "context": "acts where its neighbours hold",
    "spun": "acts in spun text",
    "witness": "proved by another version",
    "ask": "proposed, not made",
    "flag": "marked only",
}


@dataclass(frozen=True)
class EditView:
    """An edit with some text around it, whether it was made, and the source of its article."""

    edit: Edit
    made: bool
    left: str
    right: str
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The edit as it stands in edits.jsonl."""
        return {**as_dict(self.edit), "made": self.made, "left": self.left, "right": self.right, "source": self.source}

    def describe(self) -> str:
        """The edit in a line of plain text, for a terminal: control characters shown, never sent.

        >>> edit = Edit("a", "text", 8, 15, "assault", "attack", ("word.assault",), "context")
        >>> EditView(edit, True, "a drone ", ".").describe()
        'a: a drone [-assault-]{+attack+}. (word.assault)'
        """
        edit = self.edit
        line = f"{edit.article}: {self.left}[-{edit.before}-]{{+{edit.after}+}}{self.right} ({', '.join(edit.rules)})"
        return show_invisible(line)


@dataclass
class ReportData:
    """What the report shows, gathered while records are written; capped, so that memory does not grow with the corpus."""

    by_rule: dict[str, list[EditView]] = field(default_factory=dict)
    articles: list[Repair] = field(default_factory=list)
    quarantined: list[tuple[Where, str]] = field(default_factory=list)
    shown: int = 0

    def add_edit(self, view: EditView) -> None:
        """Keep an edit, unless its rule or the whole report has enough."""
        views = self.by_rule.get(view.edit.rules[0], [])
        if len(views) < EDITS_PER_RULE and self.shown < EDITS_SHOWN:
            self.by_rule[view.edit.rules[0]] = [*views, view]
            self.shown += 1

    def add_article(self, repair: Repair) -> None:
        """Keep an article that the gate or the layout pass has something to tell of."""
        if len(self.articles) < _ROWS_SHOWN:
            self.articles.append(repair)

    def add_quarantined(self, where: Where, reason: str) -> None:
        """Keep a record that could not be read."""
        if len(self.quarantined) < _ROWS_SHOWN:
            self.quarantined.append((where, reason))

    def examples(self, most: int) -> list[EditView]:
        """One edit that was made of each rule, of the most frequent rules first."""
        rules = sorted(self.by_rule.items(), key=lambda item: (-len(item[1]), item[0]))
        made = (next((view for view in views if view.made), None) for _, views in rules)
        return [view for view in made if view is not None][:most]


def show_invisible(text: str) -> str:
    """The text with control, bidirectional and zero-width characters written as ⟦U+XXXX⟧; line ends become ↵.

    >>> show_invisible("a\\x1b[2J\\u202e")
    'a⟦U+001B⟧[2J⟦U+202E⟧'
    """
    return "".join("↵" if c == "\n" else f"⟦U+{ord(c):04X}⟧" if _is_invisible(c) else c for c in text)


def build_report(summary: Summary, clusters: Sequence[Cluster], data: ReportData) -> str:
    """The whole report as HTML. `clusters` are those of versions, and those that are only linked."""
    versions = [cluster for cluster in clusters if cluster.kind not in LINKING_KINDS]
    linked = [cluster for cluster in clusters if cluster.kind in LINKING_KINDS]
    style, script = ((files("dedupe.review") / name).read_text("utf-8") for name in ("report.css", "report.js"))
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; base-uri 'none'; form-action 'none'"
    )
    body = "".join(
        [
            "<header><h1>What was done to this corpus</h1>",
            '<nav aria-label="Sections"><a href="#clusters">Duplicates</a>',
            '<a href="#linked">Linked</a>' if linked else "",
            '<a href="#articles">Articles to look at</a>'
            '<a href="#edits">Edits</a><a href="#quarantine">Quarantine</a></nav></header><main>',
            _totals(summary),
            _clusters(versions),
            _linked(linked) if linked else "",
            _articles(data.articles),
            _edits(summary, data),
            _quarantine(data.quarantined),
            "</main>",
        ]
    )
    return (
        f'<!doctype html>\n<html lang="en" data-run="{_name_run(data)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>dedupe report</title>'
        f"<style>{style}</style></head>\n<body>{body}<script>{script}</script></body></html>\n"
    )


def _source(content: str) -> str:
    """What a content security policy calls this content, and nothing else."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _name_run(data: ReportData) -> str:
    """A name for what is shown, by which a browser keeps the verdicts on it apart from others."""
    ids = "".join(view.edit.id for views in data.by_rule.values() for view in views)
    return hashlib.sha256(ids.encode()).hexdigest()[:16]


def _totals(summary: Summary) -> str:
    counts = summary.counts
    cards = [
        (counts["read"], "records read"),
        (counts["kept"], "kept as they were"),
        (counts["repaired"], "repaired"),
        (counts["duplicate"], "duplicates set aside"),
        (counts["quarantined"], "in quarantine"),
        (summary.verdicts.get("spun", 0), "articles spun"),
    ]
    items = "".join(f"<li><b>{number:,}</b>{label}</li>" for number, label in cards)
    notes = "".join(f"<li>{_text(note)}</li>" for note in summary.notes)
    emptied = "".join(
        f"<li>{_text(s or '(no source)')}: {share:.0%} of its articles are duplicates</li>"
        for s, share in summary.emptied.items()
    )
    sum_shown = " + ".join(f"{counts[name]:,} {name}" for name in ("kept", "repaired", "duplicate", "quarantined"))
    proof = f'<p class="quiet">Nothing was lost: {counts["read"]:,} records = {sum_shown}.</p>'
    return f'<ul class="totals">{items}</ul>{proof}' + (f'<ul class="quiet">{notes}{emptied}</ul>' if notes or emptied else "")


def _clusters(clusters: Sequence[Cluster]) -> str:
    if not clusters:
        return _section("clusters", "Duplicates", "<p>No two articles are versions of one text.</p>")
    rows = "".join(
        f'<tr><td class="id">{_text(cluster.canonical)}</td><td><span class="tag">{_text(cluster.kind)}</span></td>'
        f"<td>{_text(cluster.reason)}</td><td>{_others(cluster)}</td></tr>"
        for cluster in clusters[:_ROWS_SHOWN]
    )
    head = "<tr><th>Kept</th><th>Relation</th><th>Why</th><th>Set aside</th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return _section("clusters", f"Duplicates: {len(clusters):,} clusters", table + _more(len(clusters)))


def _linked(clusters: Sequence[Cluster]) -> str:
    rows = "".join(
        f'<tr><td class="id">{_text(cluster.canonical)}</td><td><span class="tag">{_text(cluster.kind)}</span></td>'
        f"<td>{_text(cluster.reason)}</td><td>{_others(cluster)}</td></tr>"
        for cluster in clusters[:_ROWS_SHOWN]
    )
    head = "<tr><th>Lead</th><th>Relation</th><th>Why</th><th>Kept as well</th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return _section("linked", f"Linked, all kept: {len(clusters):,} groups", table + _more(len(clusters)))


def _others(cluster: Cluster) -> str:
    others = [member for member in cluster.members if member != cluster.canonical]
    names = "<br>".join(f'<span class="id">{_text(member)}</span>' for member in others[:_MEMBERS_SHOWN])
    rest = len(others) - _MEMBERS_SHOWN
    return names + (f'<br><span class="quiet">and {rest:,} more</span>' if rest > 0 else "")


def _articles(repairs: Sequence[Repair]) -> str:
    if not repairs:
        return _section("articles", "Articles to look at", "<p>None: no article is spun, cut off or spliced.</p>")
    rows = "".join(
        f'<tr><td class="id">{_text(repair.article)}</td><td>{_text(repair.verdict)}</td><td class="n">{repair.score:.1f}</td>'
        f'<td class="n">{sum(edit.automatic for edit in repair.edits)}</td>'
        f"<td>{_text(', '.join(sorted({flag.kind for flag in repair.flags})))}</td></tr>"
        for repair in repairs
    )
    head = '<tr><th>Article</th><th>Verdict</th><th class="n">Spin score</th><th class="n">Edits</th><th>Flags</th></tr>'
    return _section("articles", "Articles to look at", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")


def _edits(summary: Summary, data: ReportData) -> str:
    if not data.by_rule:
        return _section("edits", "Edits", "<p>Nothing was changed.</p>")
    groups = sorted(data.by_rule.items(), key=lambda item: (-summary.rules.get(item[0], 0), item[0]))
    blocks = []
    for rule, views in groups:
        count = summary.rules.get(rule, len(views))
        tiers = sorted({view.edit.tier for view in views}, key=list(_TIERS).index)
        tags = " ".join(f'<span class="tag">{_text(tier)}: {_TIERS[tier]}</span>' for tier in tiers)
        lines = "".join(_edit(view) for view in views)
        rest = f'<p class="quiet edit">and {count - len(views):,} more in edits.jsonl</p>' if count > len(views) else ""
        blocks.append(
            f'<details data-rule="{html.escape(rule)}"><summary>'
            f'<b class="count">{count:,}</b> {_change(views[0].edit, _WORDING_SHOWN)} '
            f'<code class="quiet">{_text(rule)}</code> {tags}</summary>{lines}{rest}</details>'
        )
    total = sum(summary.rules.values())
    return _section("edits", f"Edits by rule: {total:,} in {len(groups):,} rules", "".join(blocks))


def _edit(view: EditView) -> str:
    edit = view.edit
    left = view.left if len(view.left) < CONTEXT else "…" + view.left.partition(" ")[2]
    right = view.right if len(view.right) < CONTEXT else view.right.rpartition(" ")[0] + "…"
    state = "" if view.made else ' <span class="tag">not made</span>'
    quoted = ' <span class="tag">in a quotation</span>' if edit.in_quote else ""
    proof = f' <span class="tag">evidence: {_text(", ".join(edit.evidence))}</span>' if edit.evidence else ""
    place = f'<span class="quiet id">{_text(edit.article)} {_text(edit.field)} {edit.start}</span>'
    return (
        f'<p class="edit" data-edit="{edit.id}">{_text(left)}{_change(edit)}{_text(right)}{state}{quoted}{proof}<br>{place}</p>'
    )


def _change(edit: Edit, most: int | None = None) -> str:
    """The wording before and after, each cut to `most` characters."""
    before, after = (
        _text(text if most is None or len(text) <= most else text[:most] + "…") for text in (edit.before, edit.after)
    )
    return "".join([f"<del>{before}</del>" if before else "", f" <ins>{after}</ins>" if after else ""])


def _quarantine(quarantined: Sequence[tuple[Where, str]]) -> str:
    if not quarantined:
        return _section("quarantine", "Quarantine", "<p>Empty: every record could be read.</p>")
    rows = "".join(
        f'<tr><td class="id">{_text(where.input)}</td><td class="n">{where.record + 1}</td><td>{_text(reason)}</td></tr>'
        for where, reason in quarantined
    )
    head = '<tr><th>Input</th><th class="n">Record</th><th>Reason</th></tr>'
    return _section("quarantine", "Quarantine", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")


def _section(name: str, title: str, content: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{_text(title)}</h2>{content}</section>'


def _more(count: int) -> str:
    return f'<p class="quiet">and {count - _ROWS_SHOWN:,} more in clusters.jsonl</p>' if count > _ROWS_SHOWN else ""


def _text(text: str) -> str:
    """The text escaped for HTML, invisible characters as boxed code points."""
    escaped = html.escape(show_invisible(text))
    return re.sub(r"⟦(U\+[0-9A-F]{4,6})⟧", r'<span class="box">\1</span>', escaped)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or character == "\N{NO-BREAK SPACE}"


def read_views(lines: Iterable[dict[str, Any]]) -> Iterator[EditView]:
    """The views that `EditView.as_dict` wrote."""
    for line in lines:
        plain = {key: value for key, value in line.items() if key not in _OF_THE_VIEW}
        edit = Edit(**{**plain, "rules": tuple(plain["rules"]), "evidence": tuple(plain["evidence"])})
        yield EditView(edit, line["made"], line["left"], line["right"], line.get("source", ""))
