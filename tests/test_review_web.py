"""The page for review in the browser: what the server answers, and whom it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dedupe import Settings, apply_decisions, run
from dedupe.review.articles import ArticleStore
from dedupe.review.ledger import FILE_NAME, Ledger, articles_target

flask = pytest.importorskip("flask")
from dedupe.review.web import TOKEN, make_app  # noqa: E402  # Flask may be absent

Texts = Callable[[Path], Mapping[str, str]]
PORT, SECRET = 8123, "token-of-the-test"
ORIGIN = f"http://127.0.0.1:{PORT}"
OWN = {"Host": f"127.0.0.1:{PORT}", TOKEN: SECRET, "Sec-Fetch-Site": "same-origin"}
WRITE = {**OWN, "Origin": ORIGIN, "Content-Type": "application/json"}


@pytest.fixture
def finished(jsonl_file: Path, tmp_path: Path, settings: Settings) -> Path:
    run([jsonl_file], tmp_path / "out", settings)
    return tmp_path / "out"


class Browser:
    """The page, as far as the server sees it."""

    def __init__(self, out: Path, articles: ArticleStore, reviewer: str = "Ann") -> None:
        self.app = make_app(
            out, SECRET, reviewer, PORT, lambda: {"counts": dict(apply_decisions(out).counts), "stale": []}, articles
        )
        self.client = self.app.test_client()

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(f"/api/{path}", query_string=parameters, headers=OWN)
        assert answer.status_code == 200, answer.text
        return answer.json

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"/api/{path}", data=json.dumps(body), headers=WRITE)
        assert answer.status_code == 200, answer.text
        return answer.json

    def refusal(self, path: str, **body: Any) -> tuple[int, str]:
        answer = self.client.post(f"/api/{path}", data=json.dumps(body), headers=WRITE)
        return answer.status_code, answer.json["error"]


@pytest.fixture
def articles(finished: Path) -> Iterator[ArticleStore]:
    store = ArticleStore(finished)
    yield store
    store.close()


@pytest.fixture
def page(finished: Path, articles: ArticleStore) -> Browser:
    return Browser(finished, articles)


def test_rules_and_edits_come_in_pages(page: Browser) -> None:
    told = page.get("groups", limit=2)
    assert (told["total"], len(told["groups"])) == (6, 2)
    rest = page.get("groups", offset=2)["groups"]
    assert {group["rule"] for group in told["groups"] + rest} == {
        f"my.{n}" for n in "drone extra getty minister said treaty".split()
    }
    edits = page.get("edits", rule="my.said")
    assert [edit["marks"] for edit in edits["edits"]] == [[["gone", "mentioned"], ["new", "said"]]] * 2
    assert page.get("edits", rule="nothing")["edits"] == []


def test_a_page_begins_behind_an_edit_whatever_was_decided_before_it(page: Browser) -> None:
    first, second = page.get("edits", rule="my.said", filter="status:pending")["edits"]
    told = page.get("edits", rule="my.said", filter="status:pending", limit=1)
    assert (told["edits"], told["rest"], told["waiting"]) == ([first], 1, 2)
    page.post("decide", target=f"edit:{first['id']}", verdict="reject")
    told = page.get("edits", rule="my.said", filter="status:pending", after=first["id"])
    assert (told["edits"], told["rest"], told["waiting"]) == ([second], 0, 1)


def test_the_rest_of_a_rule_that_passes_a_filter_is_decided_edit_by_edit(page: Browser, finished: Path) -> None:
    words = "Velsing"
    assert page.get("sample", target="rule:my.said", filter=words)["waiting"] == 1
    assert page.refusal("decide", target="rule:my.said", verdict="reject", filter=words, count=2)[0] == 409
    page.post("decide", target="rule:my.said", verdict="replace", replacement="told", filter=words, count=1)
    (decision,) = Ledger.load(finished)
    assert (decision.target.partition(":")[0], decision.verdict, decision.replacement) == ("edit", "replace", "told")


def test_everything_that_passes_a_filter_is_decided_at_once(page: Browser, finished: Path) -> None:
    assert page.get("sample", target="everything", filter="Velsing")["waiting"] == 3
    assert page.refusal("decide", target="everything", verdict="accept", count=8)[0] == 400
    assert page.refusal("decide", target="everything", filter="Velsing", verdict="accept", count=8)[0] == 409
    page.post("decide", target="everything", filter="Velsing", verdict="accept", count=3)
    assert [decision.target.partition(":")[0] for decision in Ledger.load(finished)] == ["edit"] * 3
    page.post("undo")
    assert len(Ledger.load(finished)) == 0


def test_own_words_for_a_rule_begin_as_the_text_does(page: Browser, finished: Path, canonical_texts: Texts) -> None:
    page.post("decide", target="rule:my.getty", verdict="replace", replacement="agency pictures", count=1)
    (edit,) = page.get("edits", rule="my.getty")["edits"]
    assert edit["words"] == "Agency Pictures"
    page.post("apply")
    assert "Photo: Agency Pictures" in canonical_texts(finished)["spun"]


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("tier:ask", 1),
        ("Photo", 3),
        ("/min.ster/", 3),
        ("source:mirror -", 0),
        ("pair:mentioned=>said", 2),
        ("rule:my.*", 8),
        ("quote:yes", 0),
    ],
)
def test_filters_find_edits(words: str, number: int, page: Browser) -> None:
    assert len(page.get("edits", filter=words)["edits"]) == number


def test_a_filter_by_status_follows_the_verdicts(page: Browser) -> None:
    edit = page.get("edits", filter="status:pending", limit=1)["edits"][0]
    page.post("decide", target=f"edit:{edit['id']}", verdict="accept")
    assert len(page.get("edits", filter="status:pending")["edits"]) == 7
    assert len(page.get("edits", filter="status:accepted")["edits"]) == 1


def test_verdicts_go_to_the_ledger_and_into_the_corpus(page: Browser, finished: Path, canonical_texts: Texts) -> None:
    by_before = {edit["before"]: edit for edit in page.get("edits")["edits"] if edit["field"] == "text"}
    page.post("decide", target=f"edit:{by_before['extra']['id']}", verdict="replace", replacement="more")
    page.post("decide", target="rule:my.said", verdict="reject", count=2)
    told = page.post("decide", target="pair:Getty Pictures→Getty Images", verdict="reject", count=1)
    assert told["state"]["counts"] == {"all": 8, "pending": 4, "accepted": 0, "rejected": 3, "replaced": 1}
    page.post("undo")
    assert page.post("apply")["summary"]["counts"]["repaired"] == 1
    text = canonical_texts(finished)["spun"]
    assert ("more talks" in text, "mentioned" in text, "Getty Images" in text) == (True, True, True)
    assert len(page.get("edits", filter="status:decided")["edits"]) == 3


def test_a_decision_on_many_is_refused_when_their_number_is_not_named_or_has_changed(page: Browser, finished: Path) -> None:
    assert page.get("sample", target="rule:my.said")["waiting"] == 2
    for count in (None, 1, 3, "2"):
        assert page.refusal("decide", target="rule:my.said", verdict="accept", count=count)[0] == 409
    assert not (finished / FILE_NAME).exists()


@pytest.mark.parametrize(
    "body",
    [
        {"target": "rule:nothing", "verdict": "accept", "count": 0},
        {"target": "edit:nothing", "verdict": "accept"},
        {"target": "rule", "verdict": "accept"},
        {"target": "rule:my.said", "verdict": "perhaps", "count": 2},
        {"target": "rule:my.said", "verdict": "replace", "count": 2},
        {"target": "articles:[]", "verdict": "same"},
        {"target": 5, "verdict": "accept"},
        {"verdict": "accept"},
    ],
)
def test_what_is_no_decision_is_refused_and_not_written(body: dict[str, Any], page: Browser, finished: Path) -> None:
    assert page.refusal("decide", **body)[0] == 400
    assert not (finished / FILE_NAME).exists()


def test_the_article_comes_in_pieces_that_make_up_the_text(page: Browser, canonical_texts: Texts, finished: Path) -> None:
    edit = next(edit for edit in page.get("edits")["edits"] if edit["before"] == "Getty Pictures")
    told = page.get("article", edit=edit["id"])
    final = "".join(p.get("text", p.get("after" if p.get("made") else "before")) for p in told["pieces"])
    assert final == canonical_texts(finished)["spun"]
    assert edit["id"] in {piece.get("id") for piece in told["pieces"]}


def test_clusters_are_shown_aligned_and_decided(page: Browser, finished: Path, canonical_texts: Texts) -> None:
    (cluster,) = page.get("clusters")["clusters"]
    assert (cluster["canonical"], [m["id"] for m in cluster["members"]]) == ("harbour", ["harbour2", "harbour3"])
    rows = page.get("versions", a="harbour", b="harbour3")["rows"]
    assert ["gone", "could "] in [mark for left, _ in rows for mark in left]
    page.post("decide", target=articles_target("harbour", "harbour3"), verdict="different")
    page.post("decide", target="canonical:harbour2", verdict="accept")
    (cluster,) = page.get("clusters")["clusters"]
    assert [member["verdict"] for member in cluster["members"]] == ["canonical", "different"]
    page.post("apply")
    assert set(canonical_texts(finished)) == {"choir", "harbour2", "harbour3", "spun"}


def test_the_history_shows_what_stands_and_undoes_any_of_it(page: Browser) -> None:
    page.post("decide", target="rule:my.said", verdict="reject", count=2)
    page.post("decide", target="rule:my.drone", verdict="reject", count=2)
    page.post("undo", target="rule:my.said")
    told = page.get("history")
    assert [(line["target"], line["verdict"], line["standing"]) for line in told["decisions"]] == [
        ("rule:my.said", "revert", False),
        ("rule:my.drone", "reject", True),
        ("rule:my.said", "reject", False),
    ]


def test_the_decisions_can_be_taken_away_as_a_file(page: Browser, tmp_path: Path) -> None:
    page.post("decide", target="rule:my.said", verdict="reject", count=2)
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / FILE_NAME).write_bytes(page.client.get("/api/download", headers=OWN).data)
    assert [decision.target for decision in Ledger.load(tmp_path / "sent")] == ["rule:my.said"]


def test_two_reviewers_of_one_folder_see_each_other_and_corrupt_nothing(
    page: Browser, finished: Path, articles: ArticleStore
) -> None:
    other = Browser(finished, articles, "Bob")
    ids = [edit["id"] for edit in page.get("edits")["edits"]]

    def decide(browser: Browser, verdict: str) -> None:
        for _ in range(10):
            for id in ids:
                browser.post("decide", target=f"edit:{id}", verdict=verdict)

    threads = [threading.Thread(target=decide, args=pair) for pair in ((page, "accept"), (other, "reject"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (finished / FILE_NAME).read_text("utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == 2 * 10 * len(ids)
    assert page.get("state")["counts"] == other.get("state")["counts"]
    assert page.get("state")["conflicts"] == []


def test_the_assets_ship_and_the_page_asks_for_nothing_else(page: Browser) -> None:
    for path in ("/", "/review.js", "/review.css", "/report.css"):
        answer = page.client.get(path, headers={"Host": OWN["Host"]})
        assert (answer.status_code, "http" in answer.text.replace("http://www.w3.org", "")) == (200, False)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    script = page.client.get("/review.js", headers={"Host": OWN["Host"]}).text
    assert not [name for name in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(") if name in script]


BODY = json.dumps({"target": "rule:my.said", "verdict": "reject", "count": 2})
WITHOUT = {name: {key: value for key, value in WRITE.items() if key != name} for name in WRITE}
HOSTILE: list[tuple[str, str, dict[str, str], str]] = [
    *(("POST", "/api/decide", {**WRITE, "Host": host}, BODY) for host in (
        "evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1.evil.example:{PORT}",
        f"localhost.:{PORT}", f"0.0.0.0:{PORT}", f"evil@127.0.0.1:{PORT}", "",
    )),
    *(("POST", "/api/decide", {**WRITE, "Origin": origin}, BODY) for origin in (
        "null", "http://evil.example", f"https://127.0.0.1:{PORT}", "http://127.0.0.1", f"http://localhost:{PORT}",
        f"{ORIGIN}.evil.example", f"{ORIGIN}/", "",
    )),
    ("POST", "/api/decide", WITHOUT["Origin"], BODY),
    ("POST", "/api/decide", WITHOUT[TOKEN], BODY),
    ("POST", "/api/decide", {**WRITE, TOKEN: "guess"}, BODY),
    ("POST", "/api/decide", {**WRITE, TOKEN: SECRET[:-1]}, BODY),
    ("POST", "/api/decide", {**WRITE, TOKEN: "é"}, BODY),
    ("POST", f"/api/decide?token={SECRET}", WITHOUT[TOKEN], BODY),
    ("POST", "/api/decide", {**WITHOUT[TOKEN], "Cookie": f"token={SECRET}"}, BODY),
    *(("POST", "/api/decide", {**WRITE, "Content-Type": kind}, BODY) for kind in (
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
    )),
    *(("POST", "/api/decide", {**WRITE, "Sec-Fetch-Site": site}, BODY) for site in ("cross-site", "same-site", "none")),
    *((method, path, WRITE, BODY) for method, path in (
        ("GET", "/api/decide?target=rule:my.said&verdict=reject&count=2"), ("PUT", "/api/decide"), ("DELETE", "/api/decide"),
        ("PATCH", "/api/decide"), ("GET", "/api/undo"), ("GET", "/api/apply"), ("HEAD", "/api/apply"),
    )),
    *(("POST", f"/api/{path}", WITHOUT[TOKEN], "{}") for path in ("undo", "apply")),
    *(("GET", f"/api/{path}", {key: value for key, value in OWN.items() if key != TOKEN}, "") for path in (
        "state", "groups", "edits", "clusters", "history", "download", "sample?target=rule:my.said", "versions?a=choir&b=spun",
    )),
    ("GET", "/api/state", {**OWN, "Host": f"evil.example:{PORT}"}, ""),
    ("GET", "/api/state", {**OWN, "Sec-Fetch-Site": "cross-site"}, ""),
    ("GET", "/", {"Host": f"evil.example:{PORT}"}, ""),
    *(("GET", path, OWN, "") for path in ("/../ledger.py", "/..%2fledger.py", "/static/review.js", "/decisions.jsonl")),
    *(("POST", "/api/decide", WRITE, body) for body in ("", "[]", "{", '"x"', "[" * 100_000, "x" * 300_000)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "body"), HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_a_hostile_request_is_refused_and_changes_nothing(
    method: str, path: str, headers: dict[str, str], body: str, page: Browser, finished: Path
) -> None:
    answer = page.client.open(path, method=method, headers=headers, data=body)
    assert 400 <= answer.status_code < 500
    assert "spun" not in answer.text
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert not (finished / FILE_NAME).exists()


def test_at_least_thirty_requests_are_tried() -> None:
    assert len(HOSTILE) >= 30


def test_the_same_request_in_good_order_is_taken(page: Browser) -> None:
    assert page.client.post("/api/decide", data=BODY, headers=WRITE).status_code == 200
