"""The report: one static HTML file with the totals, the clusters and their reasons, and the edits as diffs by rule.

Nothing is fetched: the text of an article, however hostile, is escaped, and the content security policy forbids everything
but the one style sheet inside and the one script, which filters the edits and takes a reader's verdicts away as
decisions.jsonl. All is there to be read without it. Edits that find no room stand on pages of their own, in report/.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from dedupe.model import LINKING_KINDS, Article, Cluster, Edit, Repair, Where, as_dict
from dedupe.review.charts import draw_bars
from dedupe.review.clusters import align_versions
from dedupe.review.marks import Mark
from dedupe.review.markup import escape_attribute, escape_text, show_invisible
from dedupe.review.summary import Summary

EDITS_PER_RULE, EDITS_SHOWN = 40, 2_000
CONTEXT = 60  # characters of the field shown on each side of an edit
_ROWS_SHOWN, _MEMBERS_SHOWN = 500, 20
_CLUSTERS_ALIGNED, _VERSIONS_ALIGNED, _TEXT_ALIGNED = 40, 3, 4_000  # clusters, versions of each, characters of each
_BARS = 12  # of a chart
_PAGE = "report/edits-{:04}.html"
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
    """What the report shows, gathered while records are written; capped, so that memory does not grow with the corpus.

    `wanted` are the articles whose `texts` are to be aligned; `scores` counts suspect and spun articles by their spin score,
    rounded; `sources` tells of each source how many articles were read and how many set aside; `pages` is the number of
    pages that hold all edits, 0 if the report itself does; `run` the name of the run.
    """

    wanted: frozenset[str] = frozenset()
    texts: dict[str, str] = field(default_factory=dict)
    scores: Counter[int] = field(default_factory=Counter)
    sources: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    pages: int = 0
    run: str = ""
    by_rule: dict[str, list[EditView]] = field(default_factory=dict)
    articles: list[Repair] = field(default_factory=list)
    quarantined: list[tuple[Where, str]] = field(default_factory=list)
    shown: int = 0
    unreadable: int = 0

    @classmethod
    def of_clusters(cls, clusters: Sequence[Cluster], run: str = "") -> ReportData:
        """A report, still empty, that will align versions of the first of these clusters."""
        ids = (id for cluster in clusters[:_CLUSTERS_ALIGNED] for id in (cluster.canonical, *_aligned_members(cluster)))
        return cls(frozenset(ids), run=run)

    def add_text(self, article: Article) -> None:
        """Keep the beginning of a text that is to be aligned."""
        if article.id in self.wanted:
            self.texts[article.id] = article.text[:_TEXT_ALIGNED]

    def add_edit(self, view: EditView) -> None:
        """Keep an edit, unless its rule or the whole report has enough."""
        views = self.by_rule.get(view.edit.rules[0], [])
        if len(views) < EDITS_PER_RULE and self.shown < EDITS_SHOWN:
            self.by_rule[view.edit.rules[0]] = [*views, view]
            self.shown += 1

    def add_article(self, repair: Repair) -> None:
        """Keep an article that the gate or the layout pass has something to tell of."""
        if repair.verdict != "clean":
            self.scores[round(repair.score)] += 1
        if len(self.articles) < _ROWS_SHOWN:
            self.articles.append(repair)

    def add_quarantined(self, where: Where, reason: str) -> None:
        """Count a record that could not be read, and keep the first ones."""
        self.unreadable += 1
        if len(self.quarantined) < _ROWS_SHOWN:
            self.quarantined.append((where, reason))

    def examples(self, most: int) -> list[EditView]:
        """One edit that was made of each rule, of the most frequent rules first."""
        rules = sorted(self.by_rule.items(), key=lambda item: (-len(item[1]), item[0]))
        made = (next((view for view in views if view.made), None) for _, views in rules)
        return [view for view in made if view is not None][:most]


def build_report(summary: Summary, clusters: Sequence[Cluster], data: ReportData) -> str:
    """The whole report as HTML. `clusters` are those of versions, and those that are only linked."""
    versions = [cluster for cluster in clusters if cluster.kind not in LINKING_KINDS]
    linked = [cluster for cluster in clusters if cluster.kind in LINKING_KINDS]
    body = "".join(
        [
            "<header><h1>What was done to this corpus</h1>",
            '<nav aria-label="Sections"><a href="#glance">At a glance</a><a href="#clusters">Duplicates</a>',
            '<a href="#linked">Linked</a>' if linked else "",
            '<a href="#articles">Articles to look at</a>'
            '<a href="#edits">Edits</a><a href="#quarantine">Quarantine</a></nav></header><main>',
            _totals(summary),
            _glance(summary, data),
            _clusters(versions, data.texts),
            _linked(linked) if linked else "",
            _articles(data.articles),
            _edits(summary, data),
            _quarantine(data),
            "</main>",
        ]
    )
    return build_page("What was done to this corpus", body, data.run)


def build_page(title: str, body: str, run: str) -> str:
    """An HTML page around `body` with the style sheet and the script, and a policy that lets nothing else in.

    By the name of the `run` a browser keeps the verdicts on its pages together, and apart from others.
    """
    style, script = ((files("dedupe.review") / name).read_text("utf-8") for name in ("report.css", "report.js"))
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="en" data-run="{run}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}: dedupe report</title>'
        f"<style>{style}</style></head>\n<body>{body}<script>{script}</script></body></html>\n"
    )


class EditPages:
    """All edits in the order of the corpus, on as many pages as it takes; only one page is held at a time."""

    def __init__(self, run: str = "") -> None:
        self._run = run
        self._views: list[EditView] = []
        self.number = 0

    def add(self, view: EditView) -> Iterator[tuple[str, str]]:
        """Take an edit; gives name and content of the page before it if that is full."""
        if len(self._views) == EDITS_SHOWN:
            yield self._finish_page(last=False)
        self._views.append(view)

    def finish(self) -> Iterator[tuple[str, str]]:
        """Name and content of the last page."""
        if self._views:
            yield self._finish_page(last=True)

    def _finish_page(self, *, last: bool) -> tuple[str, str]:
        self.number += 1
        first = (self.number - 1) * EDITS_SHOWN + 1
        title = f"Edits {first:,} to {first + len(self._views) - 1:,}"
        ways = ['<a href="../report.html#edits">Report</a>']
        ways += [f'<a rel="prev" href="../{_PAGE.format(self.number - 1)}">Earlier</a>'] if self.number > 1 else []
        ways += [] if last else [f'<a rel="next" href="../{_PAGE.format(self.number + 1)}">Later</a>']
        lines = "".join(_edit(view, rule=True) for view in self._views)
        body = (
            f'<header><h1>{title}</h1><nav aria-label="Pages">{"".join(ways)}</nav></header>'
            f'<main><section aria-labelledby="edits"><h2 id="edits">In the order of the corpus</h2>{lines}</section></main>'
        )
        self._views = []
        return _PAGE.format(self.number), build_page(title, body, self._run)


def _source(content: str) -> str:
    """What a content security policy calls this content, and nothing else."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


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
    notes = "".join(f"<li>{escape_text(note)}</li>" for note in summary.notes)
    emptied = "".join(
        f"<li>{escape_text(s or '(no source)')}: {share:.0%} of its articles are duplicates</li>"
        for s, share in summary.emptied.items()
    )
    sum_shown = " + ".join(f"{counts[name]:,} {name}" for name in ("kept", "repaired", "duplicate", "quarantined"))
    proof = f'<p class="quiet">Nothing was lost: {counts["read"]:,} records = {sum_shown}.</p>'
    return f'<ul class="totals">{items}</ul>{proof}' + (f'<ul class="quiet">{notes}{emptied}</ul>' if notes or emptied else "")


def _glance(summary: Summary, data: ReportData) -> str:
    removed = sorted(((source, gone) for source, (_, gone) in data.sources.items() if gone), key=lambda bar: (-bar[1], bar[0]))
    rules = sorted(summary.rules.items(), key=lambda bar: (-bar[1], bar[0]))
    relations = sorted(
        ((kind, number) for kind, number in summary.relations.items() if number), key=lambda bar: (-bar[1], bar[0])
    )
    scores = [(str(score), data.scores[score]) for score in _range(data.scores)]
    charts = [
        draw_bars("Pairs by relation", relations),
        draw_bars("Duplicates by source" + _most(len(removed)), removed[:_BARS]) if len(data.sources) > 1 else "",
        draw_bars("Suspect and spun articles by spin score", scores),
        draw_bars("Edits by rule" + _most(len(rules)), rules[:_BARS]),
    ]
    shown = "".join(charts) or "<p>Nothing was found that a chart could show.</p>"
    return _section("glance", "At a glance", f'<div class="charts">{shown}</div>')


def _range(scores: Mapping[int, int]) -> range:
    """The scores from the lowest to the highest, gaps included, if that makes a chart of reasonable length."""
    low, high = min(scores, default=0), max(scores, default=-1)
    return range(low, min(high, low + 4 * _BARS) + 1)


def _most(number: int) -> str:
    return f", the first {_BARS} of {number:,}" if number > _BARS else ""


def _clusters(clusters: Sequence[Cluster], texts: Mapping[str, str]) -> str:
    if not clusters:
        return _section("clusters", "Duplicates", "<p>No two articles are versions of one text.</p>")
    rows = "".join(
        f'<tr><td class="id">{escape_text(cluster.canonical)}</td><td><span class="tag">{escape_text(cluster.kind)}</span></td>'
        f"<td>{escape_text(cluster.reason)}</td><td>{_others(cluster)}</td></tr>{_versions(cluster, texts)}"
        for cluster in clusters[:_ROWS_SHOWN]
    )
    head = _head("Kept", "Relation", "Why", "Set aside")
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return _section("clusters", f"Duplicates: {len(clusters):,} clusters", table + _more(len(clusters)))


def _aligned_members(cluster: Cluster) -> list[str]:
    return [member for member in cluster.members if member != cluster.canonical][:_VERSIONS_ALIGNED]


def _versions(cluster: Cluster, texts: Mapping[str, str]) -> str:
    """A row that opens to show versions beside the one that was kept, aligned."""
    members = [member for member in _aligned_members(cluster) if member in texts and cluster.canonical in texts]
    if not members:
        return ""
    shown = "".join(_alignment(cluster.canonical, member, texts) for member in members)
    return f'<tr><td colspan="4"><details class="versions"><summary>Compare the versions</summary>{shown}</details></td></tr>'


def _alignment(canonical: str, member: str, texts: Mapping[str, str]) -> str:
    if texts[canonical] == texts[member]:
        return f'<p><span class="id">{escape_text(member)}</span> is the same, letter by letter.</p>'
    rows = "".join(
        f"<tr><td>{''.join(map(_mark, left))}</td><td>{''.join(map(_mark, right))}</td></tr>"
        for left, right in align_versions(texts[canonical], texts[member])
    )
    cut = max(len(texts[id]) for id in (canonical, member)) == _TEXT_ALIGNED
    rest = f'<p class="quiet">Of each text the first {_TEXT_ALIGNED:,} characters are shown.</p>' if cut else ""
    head = _head(f"Kept: {canonical}", f"Set aside: {member}")
    return f'<table class="aligned"><thead>{head}</thead><tbody>{rows}</tbody></table>{rest}'


def _mark(mark: Mark) -> str:
    tag = {"gone": "del", "new": "ins", "moved-from": "mark", "moved-to": "mark"}.get(mark.change)
    return f"<{tag}>{escape_text(mark.text)}</{tag}>" if tag else escape_text(mark.text)


def _head(*titles: str) -> str:
    """The head of a table; titles that begin with "#" are those of numbers."""
    cells = (
        f'<th scope="col" class="n">{escape_text(title[1:])}</th>'
        if title.startswith("#")
        else f'<th scope="col">{escape_text(title)}</th>'
        for title in titles
    )
    return f"<tr>{''.join(cells)}</tr>"


def _linked(clusters: Sequence[Cluster]) -> str:
    rows = "".join(
        f'<tr><td class="id">{escape_text(cluster.canonical)}</td><td><span class="tag">{escape_text(cluster.kind)}</span></td>'
        f"<td>{escape_text(cluster.reason)}</td><td>{_others(cluster)}</td></tr>"
        for cluster in clusters[:_ROWS_SHOWN]
    )
    head = _head("Lead", "Relation", "Why", "Kept as well")
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    return _section("linked", f"Linked, all kept: {len(clusters):,} groups", table + _more(len(clusters)))


def _others(cluster: Cluster) -> str:
    others = [member for member in cluster.members if member != cluster.canonical]
    names = "<br>".join(f'<span class="id">{escape_text(member)}</span>' for member in others[:_MEMBERS_SHOWN])
    rest = len(others) - _MEMBERS_SHOWN
    return names + (f'<br><span class="quiet">and {rest:,} more</span>' if rest > 0 else "")


def _articles(repairs: Sequence[Repair]) -> str:
    if not repairs:
        return _section("articles", "Articles to look at", "<p>None: no article is spun, cut off or spliced.</p>")
    rows = "".join(
        f'<tr><td class="id">{escape_text(repair.article)}</td><td>{escape_text(repair.verdict)}</td>'
        f'<td class="n">{repair.score:.1f}</td>'
        f'<td class="n">{sum(edit.automatic for edit in repair.edits)}</td>'
        f"<td>{escape_text(', '.join(sorted({flag.kind for flag in repair.flags})))}</td></tr>"
        for repair in repairs
    )
    head = _head("Article", "Verdict", "#Spin score", "#Edits", "Flags")
    return _section("articles", "Articles to look at", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")


def _edits(summary: Summary, data: ReportData) -> str:
    if not data.by_rule:
        return _section("edits", "Edits", "<p>Nothing was changed.</p>")
    groups = sorted(data.by_rule.items(), key=lambda item: (-summary.rules.get(item[0], 0), item[0]))
    blocks = []
    for rule, views in groups:
        count = summary.rules.get(rule, len(views))
        tiers = sorted({view.edit.tier for view in views}, key=list(_TIERS).index)
        tags = " ".join(f'<span class="tag">{escape_text(tier)}: {_TIERS[tier]}</span>' for tier in tiers)
        lines = "".join(_edit(view) for view in views)
        rest = f'<p class="quiet edit">and {count - len(views):,} more in edits.jsonl</p>' if count > len(views) else ""
        blocks.append(
            f'<details data-rule="{html.escape(rule)}"><summary>'
            f'<b class="count">{count:,}</b> {_change(views[0].edit, _WORDING_SHOWN)} '
            f'<code class="quiet">{escape_text(rule)}</code> {tags}</summary>{lines}{rest}</details>'
        )
    total = sum(summary.rules.values())
    if data.pages:
        pages = f"{data.pages:,} pages" if data.pages > 1 else "one page"
        ways = f'<a href="{_PAGE.format(1)}">all {total:,} edits on {pages}</a>'
        blocks.insert(0, f"<p>Of each rule the first {EDITS_PER_RULE} are shown here; {ways}.</p>")
    return _section("edits", f"Edits by rule: {total:,} in {len(groups):,} rules", "".join(blocks))


def _edit(view: EditView, *, rule: bool = False) -> str:
    edit = view.edit
    left = view.left if len(view.left) < CONTEXT else "…" + view.left.partition(" ")[2]
    right = view.right if len(view.right) < CONTEXT else view.right.rpartition(" ")[0] + "…"
    state = "" if view.made else ' <span class="tag">not made</span>'
    quoted = ' <span class="tag">in a quotation</span>' if edit.in_quote else ""
    proof = f' <span class="tag">evidence: {escape_text(", ".join(edit.evidence))}</span>' if edit.evidence else ""
    names = f' <code class="quiet">{escape_text(", ".join(edit.rules))}</code>' if rule else ""
    place = f'<span class="quiet id">{escape_text(edit.article)} {escape_text(edit.field)} {edit.start}</span>{names}'
    kind = f'data-tier="{escape_attribute(edit.tier)}" data-made="{view.made:d}" data-quoted="{edit.in_quote:d}"'
    words = f"{escape_text(left)}{_change(edit)}{escape_text(right)}{state}{quoted}{proof}"
    return f'<p class="edit" data-edit="{edit.id}" {kind}>{words}<br>{place}</p>'


def _change(edit: Edit, most: int | None = None) -> str:
    """The wording before and after, each cut to `most` characters."""
    before, after = (
        escape_text(text if most is None or len(text) <= most else text[:most] + "…") for text in (edit.before, edit.after)
    )
    return "".join([f"<del>{before}</del>" if before else "", f" <ins>{after}</ins>" if after else ""])


def _quarantine(data: ReportData) -> str:
    if not data.quarantined:
        return _section("quarantine", "Quarantine", "<p>Empty: every record could be read.</p>")
    rows = "".join(
        f'<tr><td class="id">{escape_text(where.input)}</td><td class="n">{where.record + 1:,}</td>'
        f"<td>{escape_text(reason)}</td></tr>"
        for where, reason in data.quarantined
    )
    rest = data.unreadable - len(data.quarantined)
    more = f'<p class="quiet">and {rest:,} more in quarantine.jsonl</p>' if rest > 0 else ""
    table = f"<table><thead>{_head('Input', '#Record', 'Reason')}</thead><tbody>{rows}</tbody></table>"
    return _section("quarantine", f"Quarantine: {max(data.unreadable, 1):,} records", table + more)


def _section(name: str, title: str, content: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escape_text(title)}</h2>{content}</section>'


def _more(count: int) -> str:
    return f'<p class="quiet">and {count - _ROWS_SHOWN:,} more in clusters.jsonl</p>' if count > _ROWS_SHOWN else ""


def read_views(lines: Iterable[dict[str, Any]]) -> Iterator[EditView]:
    """The views that `EditView.as_dict` wrote."""
    for line in lines:
        plain = {key: value for key, value in line.items() if key not in _OF_THE_VIEW}
        edit = Edit(**{**plain, "rules": tuple(plain["rules"]), "evidence": tuple(plain["evidence"])})
        yield EditView(edit, line["made"], line["left"], line["right"], line.get("source", ""))
