"""Review in the browser: one page, fed with JSON by a server on this machine that nobody else can talk to.

    Host     only the names of this machine, so that a foreign name resolved to it is refused (DNS rebinding)
    token    random, in a header of every request for data; the page has it from the fragment of its address, which
             browsers send nowhere, so no other page and no other user of the machine can ask or write
    writes   POST of JSON from this very origin; anything else is refused
    policy   the page runs the scripts that ship with it and no others; texts of articles enter it as text only

Flask is imported in this file alone; `pip install 'article-dedupe[web]'` brings it.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from dedupe.errors import DedupeError, UsageError
from dedupe.model import LINKING_KINDS, Decision, Edit, Verdict
from dedupe.review.articles import ArticleStore
from dedupe.review.clusters import ClusterView, align_versions, load_clusters, tell_verdict
from dedupe.review.filters import filter_edits
from dedupe.review.ledger import articles_target, describe_conflict, encode_decision, word_edit
from dedupe.review.marks import Mark, mark_changes
from dedupe.review.queue import SAMPLE, Group, Queue
from dedupe.review.report import EditView

TOKEN = "X-Dedupe-Token"
EVERYTHING = "everything"  # that passes the filter, whatever rule it is of
_ASSETS = {
    "/": ("static/review.html", "text/html; charset=utf-8"),
    "/review.js": ("static/review.js", "text/javascript; charset=utf-8"),
    "/review.css": ("static/review.css", "text/css; charset=utf-8"),
    "/report.css": ("report.css", "text/css; charset=utf-8"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LARGEST_BODY = 256 * 1024
_PAGE, _MOST = 50, 200  # edits, rules, clusters or decisions in an answer
_SHOWN = 4_000  # characters of a wording
_COMPARED = 200  # characters of both wordings, beyond which they are not compared word by word in a list


def make_app(
    out: Path, token: str, reviewer: str, port: int, apply: Callable[[], Mapping[str, Any]], articles: ArticleStore
) -> Flask:
    """The web application that reviews the run in `out`.

    `token` is what every request must show. `port` is the one it will be served at. `apply` writes the corpus anew and tells
    the counts. Raises UsageError when `out` holds no run.
    """
    app = Flask("dedupe", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    pages = _Pages(out, reviewer, articles, apply)
    gate = _Gate(token, port)
    app.before_request(gate.check)
    app.after_request(_add_headers)
    app.register_error_handler(DedupeError, _tell_error)
    app.register_error_handler(OSError, _tell_error)
    app.register_error_handler(HTTPException, _tell_refusal)
    for path in _ASSETS:
        app.add_url_rule(path, f"asset {path}", _send_asset, methods=["GET"])
    for name in ("state", "groups", "edits", "article", "clusters", "versions", "history", "sample", "download"):
        app.add_url_rule(f"/api/{name}", name, pages.answer(getattr(pages, f"get_{name}")), methods=["GET"])
    for name in ("decide", "undo", "apply"):
        app.add_url_rule(f"/api/{name}", name, pages.answer(getattr(pages, f"post_{name}")), methods=["POST"])
    return app


class _Gate:
    """Who may ask what."""

    def __init__(self, token: str, port: int) -> None:
        self._token = token.encode()
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    def check(self) -> None:
        """Refuse the request, if it is not one of the page's own."""
        host = request.headers.get("Host", "")
        if host not in self._hosts or request.headers.getlist("Host") != [host]:
            abort(403, "this name is not served here")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if not request.path.startswith("/api/"):
            return
        shown = request.headers.get(TOKEN, "").encode("utf-8", "replace")
        if not hmac.compare_digest(shown, self._token) or site != "same-origin":
            abort(403, "the token is missing or wrong; open the address that `dedupe review --web` printed")
        if request.method == "POST":
            self._check_write(request, host)

    def _check_write(self, request: Request, host: str) -> None:
        if request.headers.get("Origin") != f"http://{host}":
            abort(403, "writes come from the page itself")
        if request.mimetype != "application/json":
            abort(415, "writes are JSON")


class _Pages:
    """What the page can ask for. Each answer is small, however many edits wait."""

    def __init__(self, out: Path, reviewer: str, articles: ArticleStore, apply: Callable[[], Mapping[str, Any]]) -> None:
        self._articles, self._apply = articles, apply
        self._clusters = load_clusters(out)
        self._loading = ThreadPoolExecutor(1).submit(Queue, out, reviewer)
        self._passed: tuple[str, set[int]] = ("", set())

    @cached_property
    def _queue(self) -> Queue:
        """The queue; it is read in the background, while the browser starts."""
        return self._loading.result()

    def answer(self, view: Callable[[], Response]) -> Callable[[], Response]:
        """The view, one request at a time; what needs articles first waits until they are read."""

        def answer() -> Response:
            if view.__name__ in {"get_article", "get_versions", "post_apply"}:
                self._articles.wait()
            with self._queue.lock:
                self._look()
                told = view()
            if view.__name__ == "get_edits":
                self._articles.start()  # in the background: they will be asked for, but not before an edit is seen
            return told

        return answer

    # Reading.

    def get_state(self) -> Response:
        """The totals, and who reviews."""
        return jsonify(self._state())

    def get_groups(self) -> Response:
        """Rules in the order of review, with their counts."""
        queue, words = self._queue, request.args.get("filter", "")
        groups = queue.groups
        if words:
            passed = self._filter(words)
            groups = [group for group in groups if not passed.isdisjoint(group.members)]
        start, end = _page()
        return jsonify(total=len(groups), groups=[self._tell_group(group) for group in groups[start:end]])

    def get_edits(self) -> Response:
        """Edits of a rule, or of all, that pass a filter: the first page, or that behind an edit, and how many are left."""
        queue, rule, after = self._queue, request.args.get("rule", ""), request.args.get("after", "")
        if rule:
            numbers: Sequence[int] = queue.group_of[rule].members if rule in queue.group_of else ()
        else:
            numbers = [number for group in queue.groups for number in group.members]
        group = self._tell_group(queue.group_of[rule]) if rule in queue.group_of else None
        passing = self._passing(numbers, request.args.get("filter", ""))
        waiting = sum(queue.status(number) == "pending" for number in passing)
        if after in queue.place and queue.place[after] in numbers:
            behind = set(numbers[numbers.index(queue.place[after]) + 1 :])
            passing = [number for number in passing if number in behind]
        shown = passing[: min(_count("limit", _PAGE), _MOST)]
        return jsonify(group=group, waiting=waiting, edits=self._tell_edits(shown), rest=len(passing) - len(shown))

    def get_article(self) -> Response:
        """The field of an article around an edit, in pieces: text, and edits with what is to become of them."""
        queue, id = self._queue, request.args.get("edit", "")
        if id not in queue.place:
            abort(404, "the run holds no such edit")
        (view,) = queue.views([queue.place[id]])
        article = self._articles.get(view.edit.article)
        if article is None:
            abort(404, "the run holds no such article")
        numbers = queue.concerned(f"article:{article.id}")
        edits = [v.edit for v in queue.views(numbers) if v.edit.field == view.edit.field]
        text = article.fields.get(view.edit.field, "")
        facts = {"id": article.id, "title": article.title, "url": article.url, "source": article.source, "date": article.date}
        return jsonify(**facts, field=view.edit.field, pieces=self._cut(text, edits, article.source))

    def get_clusters(self) -> Response:
        """Clusters with their members."""
        words = request.args.get("filter", "").casefold()
        found = [
            number
            for number, cluster in enumerate(self._clusters)
            if any(words in text.casefold() for text in (*cluster.members, cluster.kind, cluster.reason))
        ]
        start, end = _page()
        return jsonify(total=len(found), clusters=[self._tell_cluster(number) for number in found[start:end]])

    def get_versions(self) -> Response:
        """A member of a cluster beside another, as a rule the canonical, aligned."""
        ids = request.args.get("a", ""), request.args.get("b", "")
        one, two = (self._articles.get(id) for id in ids)
        if one is None or two is None:
            abort(404, "the run holds no such article")
        rows = align_versions(one.fields.get("text", ""), two.fields.get("text", ""))
        heads = [{"id": a.id, "title": a.title, "url": a.url, "source": a.source, "date": a.date} for a in (one, two)]
        return jsonify(heads=heads, rows=[[_tell_marks(left), _tell_marks(right)] for left, right in rows])

    def get_history(self) -> Response:
        """The lines of the ledger, the latest first, and whether each still stands."""
        ledger, history = self._queue.live.ledger, self._queue.live.history
        start, end = _page()
        lines = [_tell_decision(d) | {"standing": ledger.get(d.target) == d} for d in history[::-1][start:end]]
        return jsonify(total=len(history), decisions=lines)

    def get_sample(self) -> Response:
        """How many edits a decision on a target would decide, and ten of them at random."""
        queue, target = self._queue, request.args.get("target", "")
        waiting = self._waiting(target, request.args.get("filter", ""))
        return jsonify(target=target, waiting=len(waiting), edits=self._tell_edits(queue.sample(waiting)))

    def get_download(self) -> Response:
        """The decisions in force, as a file for somebody else."""
        content = b"".join(encode_decision(decision) for decision in self._queue.live.ledger)
        headers = {"Content-Disposition": 'attachment; filename="decisions.jsonl"'}
        return Response(content, mimetype="application/x-ndjson", headers=headers)

    # Writing.

    def post_decide(self) -> Response:
        """Write a decision; one on more than an edit names how many it decides, and is refused when that has changed."""
        body = _read_body()
        target, verdict = _text(body, "target"), _text(body, "verdict")
        replacement = _text(body, "replacement") if body.get("replacement") is not None else None
        kind, words = target.partition(":")[0].partition("@")[0], _text(body, "filter")
        on_many = kind in {"pair", "rule", "article", EVERYTHING} and verdict != "revert"
        waiting = self._waiting(target, words) if on_many else []
        if on_many and body.get("count") != len(waiting):
            abort(409, "the number of edits that wait has changed; look again")
        if not on_many:
            self._queue.check_target(target)
        if on_many and words:
            edits = [f"edit:{self._queue.items[number].id}" for number in waiting]
            self._queue.decide_all(edits, _as_verdict(verdict), replacement)
        else:
            self._queue.decide(target, _as_verdict(verdict), replacement, _text(body, "note"))
        return jsonify(state=self._state())

    def post_undo(self) -> Response:
        """Take back the reviewer's last decision, or that on the target named."""
        body = _read_body()
        target = _text(body, "target")
        if target:
            undone = [self._queue.decide(target, "revert")]
        else:
            undone = self._queue.undo()
        return jsonify(undone=[_tell_decision(decision) for decision in undone], state=self._state())

    def post_apply(self) -> Response:
        """Write the corpus anew with all decisions."""
        _read_body()
        told = self._apply()
        self._look()
        return jsonify(summary=told, state=self._state())

    # What answers are made of.

    def _look(self) -> None:
        """Take in what others decided, and a run that was written anew."""
        if self._queue.refresh():
            self._clusters = load_clusters(self._queue.out)
            self._passed = ("", set())

    def _filter(self, words: str) -> set[int]:
        """The edits that pass a filter; those of the last one are kept, unless verdicts change them."""
        if words != self._passed[0] or "status:" in words:
            self._passed = (words, set(filter_edits(self._queue, words, range(len(self._queue.items)))))
        return self._passed[1]

    def _state(self) -> dict[str, Any]:
        queue = self._queue
        conflicts = [describe_conflict(*rivals) for rivals in queue.live.ledger.conflicts.values()]
        return {
            "run": queue.out.name,
            "reviewer": queue.reviewer,
            "counts": dataclasses.asdict(queue.counts()),
            "decisions": len(queue.live.ledger),
            "lines": len(queue.live.history),
            "made": queue.made,
            "conflicts": conflicts,
            "rules": len(queue.groups),
            "clusters": sum(cluster.kind not in LINKING_KINDS for cluster in self._clusters),
            "linked": sum(cluster.kind in LINKING_KINDS for cluster in self._clusters),
        }

    def _passing(self, numbers: Sequence[int], words: str) -> Sequence[int]:
        """Those of the edits that pass a filter, in their order."""
        if not words:
            return numbers
        passed = self._filter(words)
        return [number for number in numbers if number in passed]

    def _waiting(self, target: str, words: str) -> list[int]:
        """The edits that a target speaks of and that wait, if there is a filter those that pass it.

        EVERYTHING is a target where there is a filter. Raises UsageError for a target that the run does not hold.
        """
        if target == EVERYTHING and words:
            concerned: Sequence[int] = range(len(self._queue.items))
        else:
            self._queue.check_target(target)
            concerned = self._queue.concerned(target)
        return [number for number in self._passing(concerned, words) if self._queue.status(number) == "pending"]

    def _tell_group(self, group: Group) -> dict[str, Any]:
        queue = self._queue
        first, told = queue.items[group.members[0]], queue.bound(group)
        return {
            "rule": group.rule,
            "tiers": sorted({queue.items[number].tier for number in group.members}),
            "counts": dataclasses.asdict(queue.counts(group.members)),
            "before": first.before[:_COMPARED],
            "after": first.after[:_COMPARED],
            "sample": min(SAMPLE, len(group.members)),
            "bound": {"accepted": told[0], "share": told[1]} if told else None,
        }

    def _tell_edits(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        return [self._tell_edit(number, view) for number, view in zip(numbers, self._queue.views(numbers), strict=True)]

    def _tell_edit(self, number: int, view: EditView) -> dict[str, Any]:
        edit, decision = view.edit, self._queue.verdicts[number]
        before, after = edit.before[:_SHOWN], edit.after[:_SHOWN]
        short = len(before) + len(after) <= _COMPARED
        marks = mark_changes(before, after) if short else [Mark("gone", before), Mark("new", after)]
        names = ("id", "article", "field", "start", "before", "after", "tier", "in_quote", "rules", "evidence")
        return {
            **{name: getattr(edit, name) for name in names},
            "made": view.made,
            "left": view.left,
            "right": view.right,
            "source": view.source,
            "marks": _tell_marks(marks),
            "words": word_edit(edit, decision)[:_SHOWN],
            "status": self._queue.status(number),
            "decision": _tell_decision(decision) if decision else None,
        }

    def _cut(self, text: str, edits: Sequence[Edit], source: str) -> list[dict[str, Any]]:
        """A text in pieces. Of edits in each other's way that which is made is shown, else the first."""
        settled = self._queue.live.ledger.settle(edits, source)
        made = {(edit.start, edit.end, edit.rules) for edit in settled}
        pieces: list[dict[str, Any]] = []
        position = 0
        shown = [*settled, *(e for e in edits if not any(e.start < m.end and m.start < e.end for m in settled))]
        for edit in sorted(shown, key=lambda edit: (edit.start, edit.end)):
            if edit.start < position or text[edit.start : edit.end] != edit.before:
                continue
            original = next(e for e in edits if (e.start, e.end, e.rules) == (edit.start, edit.end, edit.rules))
            pieces.append({"text": text[position : edit.start]})
            on = (edit.start, edit.end, edit.rules) in made
            pieces.append({"id": original.id, "before": edit.before, "after": edit.after, "made": on})
            position = edit.end
        pieces.append({"text": text[position:]})
        return pieces

    def _tell_cluster(self, number: int) -> dict[str, Any]:
        cluster, ledger = self._clusters[number], self._queue.live.ledger
        chosen = ledger.get(f"canonical:{cluster.canonical}")
        members = [
            {"id": id, "verdict": tell_verdict(ledger, cluster, id), "target": articles_target(id, cluster.canonical)}
            | _tell_link(cluster, id)
            for id in cluster.others[:_MOST]
        ]
        return {
            "id": cluster.id,
            "kind": cluster.kind,
            "linked": cluster.kind in LINKING_KINDS,
            "canonical": cluster.canonical,
            "chosen": chosen is not None,
            "reason": cluster.reason,
            "number": len(cluster.members),
            "members": members,
        }


def _tell_link(cluster: ClusterView, member: str) -> dict[str, Any]:
    link = cluster.links.get(member, {})
    return {name: link.get(name) for name in ("kind", "jaccard", "containment", "preferred")}


def _tell_decision(decision: Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in ("target", "verdict", "replacement", "by", "at", "note")}


def _tell_marks(marks: Sequence[Mark]) -> list[list[str]]:
    return [[mark.change, mark.text] for mark in marks]


def _page() -> tuple[int, int]:
    start, number = (_count(name, default) for name, default in (("offset", 0), ("limit", _PAGE)))
    return start, start + min(number, _MOST)


def _count(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        abort(400, f"{name} is no number")
    return int(text)


def _read_body() -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        abort(400, "the body is no JSON")
    if not isinstance(body, dict):
        abort(400, "the body is no object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        abort(400, f"{name} is no text")
    return value


def _as_verdict(text: str) -> Verdict:
    """The text as it is; the ledger refuses what is no verdict."""
    return text  # type: ignore[return-value]


def _send_asset() -> Response:
    name, kind = _ASSETS[request.path]
    return Response((files("dedupe.review") / name).read_bytes(), content_type=kind)


def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _tell_refusal(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.description), error.code or 500


def _tell_error(error: DedupeError | OSError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 400 if isinstance(error, UsageError) else 500
