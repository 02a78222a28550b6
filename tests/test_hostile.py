"""Hostile input: bombs, depth, odd characters, names that lead outside, texts that attack a terminal or a browser."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ARTICLES, CLEAN, EXAMPLES, ROOT, RULES, SPUN, Cli
from formats import compress
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from test_report import OWN_TAGS, Reader

from dedupe import Cluster, Edit, Repair, Settings, apply_decisions, examine, run, undo
from dedupe.config import with_values
from dedupe.model import Flag, Where
from dedupe.review.charts import draw_bars
from dedupe.review.report import EditPages, EditView, ReportData, build_report
from dedupe.review.summary import Summary

Tree = Callable[[Path], dict[str, bytes]]
MEBIBYTE = 1 << 20
MOST_MEMORY = 300  # MiB
COUNTS = {"read": 2, "kept": 1, "repaired": 1, "duplicate": 0, "quarantined": 0}


def check_round(input: Path, tmp_path: Path, settings: Settings, read_tree: Tree) -> dict[str, int]:
    """The counts of a run that is whole, and given back."""
    out = tmp_path / "out"
    counts = run([input], out, settings).counts
    assert examine(out).faults == ()
    apply_decisions(out)
    undo(out, tmp_path / "back")
    assert list(read_tree(tmp_path / "back").values()) == list(read_tree(input).values())
    return dict(counts)


# Bombs


# The peak that a process inherits is that of its parent, so that a small one must stand between.
MEASURE = """\
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "dedupe", *sys.argv[1:]], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss // 1024)
"""


def measure(*arguments: str | Path) -> tuple[int, int]:
    """Exit code and peak memory in MiB of a command in a process of its own."""
    command = [sys.executable, "-c", MEASURE, *map(str, arguments)]
    code, memory = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.split()
    return int(code), int(memory)


def make_line_bomb(path: Path, compression: str, size: int) -> None:
    """A line of `size` MiB that is compressed to little, and a good one after it."""
    raw = path.with_name("raw")
    with raw.open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(size):
            file.write(b"A" * MEBIBYTE)
        file.write(b'"}\n{"text": "A word or two."}\n')
    content = raw.read_bytes()
    raw.unlink()
    path.write_bytes(compress(content, compression))


@pytest.mark.parametrize("compression", ["gz", "bz2", "zst"])
def test_a_line_that_unfolds_to_more_than_fits_is_quarantined_in_little_memory(compression: str, tmp_path: Path) -> None:
    make_line_bomb(tmp_path / f"a.jsonl.{compression}", compression, 150)
    assert (tmp_path / f"a.jsonl.{compression}").stat().st_size < MEBIBYTE
    code, memory = measure("run", tmp_path / f"a.jsonl.{compression}", "-o", tmp_path / "out")
    assert (code, memory < MOST_MEMORY) == (3, True), memory
    code, memory = measure("undo", tmp_path / "out", "-o", tmp_path / "back")
    assert (code, memory < MOST_MEMORY) == (0, True), memory


def test_a_parquet_row_that_unfolds_to_a_gigabyte_is_never_decoded(tmp_path: Path) -> None:
    make = "import sys, pyarrow as pa, pyarrow.parquet as pq\n"
    make += "pq.write_table(pa.table({'text': ['x' * (1 << 30)]}), sys.argv[1], use_dictionary=False)"
    subprocess.run([sys.executable, "-c", make, str(tmp_path / "a.parquet")], check=True)
    code, memory = measure("run", tmp_path / "a.parquet", "-o", tmp_path / "out")
    assert (code, memory < MOST_MEMORY) == (3, True), memory


@pytest.mark.parametrize(
    "line",
    [
        b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000,
        b'{"text": 5}',
        b'{"text": "\xff"}',
    ],
    ids=["deep list", "deep objects", "open brackets", "number", "bytes"],
)
def test_a_line_that_cannot_be_read_is_quarantined(line: bytes, tmp_path: Path, settings: Settings, read_tree: Tree) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "A first line."}\n' + line + b'\n{"text": "A last line."}\n')
    start = time.perf_counter()
    assert check_round(path, tmp_path, settings, read_tree)["quarantined"] == 1
    assert time.perf_counter() - start < 5


def test_numbers_of_any_length_pass_unchanged(tmp_path: Path, settings: Settings, read_tree: Tree) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": ' + b"7" * 5000 + b', "f": 1e99999, "text": "Some words, and Photo: Getty Pictures"}\n')
    assert check_round(path, tmp_path, settings, read_tree)["repaired"] == 1
    assert b"7" * 5000 + b', "f": 1e99999' in (tmp_path / "out/canonical/a.jsonl").read_bytes()


def test_the_cost_of_many_edits_grows_with_their_number(tmp_path: Path, settings: Settings) -> None:
    times = []
    for number in (500, 8_000):
        (tmp_path / "a.txt").write_text("A photo: Getty Pictures. " * number)
        start = time.perf_counter()
        run([tmp_path / "a.txt"], tmp_path / f"out{number}", settings)
        times.append(time.perf_counter() - start)
        assert (tmp_path / f"out{number}/canonical/a.txt").read_text().count("Getty Images") == number
    assert times[1] < 16 * 3 * max(times[0], 0.2), "linear is 16 times"


@pytest.mark.parametrize("when", ["/(a+)+$/ _", "_ /(.*.*)*x/", "/(?:a|aa)+b/ _"])
def test_a_catastrophic_pattern_of_a_user_is_cut_off(when: str, tmp_path: Path, rules: Path) -> None:
    table = rules / "my.tsv"
    table.write_text(RULES + f"my.zz\tassault\tattack\task\t{when}\t\t\t\tuser\n", "utf-8")
    settings = with_values(Settings(), {"repair": {"language": "xx", "rules": [str(rules)]}})
    (tmp_path / "a.txt").write_text(("a" * 5_000 + " assault " + "a" * 5_000 + "\n") * 3)
    start = time.perf_counter()
    run([tmp_path / "a.txt"], tmp_path / "out", settings)
    assert time.perf_counter() - start < 10


# Characters

SCALARS = [
    *range(0x20),
    0x7F,
    0x85,
    0xA0,
    0xAD,
    0x200B,
    0x200D,
    0x2028,
    0x2029,
    0x202E,
    0x2066,
    0xFEFF,
    0xFFFD,
    0xFFFF,
    0xD800,
    0xDFFF,
]
SCALARS += [plane << 16 | point for plane in range(17) for point in (0x41, 0x300, 0xFFFD, 0xFFFE)]
ODD = st.lists(
    st.sampled_from([chr(point) for point in SCALARS]) | st.characters() | st.sampled_from(SPUN.split()), max_size=60
).map(" ".join)


@examples(max_examples=max(60, EXAMPLES), deadline=None)
@given(st.lists(st.tuples(ODD, ODD, ODD), min_size=1, max_size=6), st.sampled_from(["jsonl", "csv", "txt", "html", "warc"]))
def test_whatever_characters_come_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, fields: list[tuple[str, str, str]], format: str
) -> None:
    tmp_path = tmp_path_factory.mktemp("odd")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/my.tsv").write_text(RULES, "utf-8")
    settings = with_values(Settings(), {"repair": {"language": "xx", "rules": [str(tmp_path / "rules")]}})
    folder = tmp_path / "in"
    folder.mkdir()
    for number, (id, title, text) in enumerate([("first", "A title", "A first text."), *fields]):
        if format == "jsonl":
            with (folder / "a.jsonl").open("ab") as file:
                file.write(json.dumps({"id": id, "title": title, "text": text}).encode() + b"\n")
        elif format == "warc":
            body = f"<html><title>{title}</title><body><p>{text}</p></body></html>".encode("utf-8", "surrogatepass")
            block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
            head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n" % len(
                block
            )
            with (folder / "a.warc").open("ab") as file:
                file.write(head + block + b"\r\n\r\n")
        else:
            raw = f'id,title,text\n{number},"{title}","{text}"\n' if format == "csv" else text
            (folder / f"{number}.{format}").write_bytes(raw.encode("utf-8", "surrogatepass"))
    read = {"read": {"text_field": "text"}} if format in ("jsonl", "csv") else {}
    out = tmp_path / "out"
    run([folder], out, with_values(settings, read))
    assert examine(out).faults == ()
    apply_decisions(out)
    undo(out, tmp_path / "back")
    trees = [{p.name: p.read_bytes() for p in place.rglob("*") if p.is_file()} for place in (folder, tmp_path / "back")]
    assert trees[0] == trees[1]
    shutil.rmtree(tmp_path)


def test_format_characters_of_any_script_stay_where_they_are(tmp_path: Path, settings: Settings) -> None:
    texts = [
        "הנמל ייסגר ב\u200eVelsing\u200f ביום שני, אמר הדובר.",
        "يغلق الميناء \u2066Velsing\u2069 يوم الاثنين، قال المتحدث.",
        "बंदरगाह सोमवार को बंद होगा \u200dऔर \u200cक\u094d\u200dष",
        "The crew \U0001f468\u200d\U0001f469\u200d\U0001f467 was \U0001f3f3\ufe0f\u200d\U0001f308 welcomed at the quay.",
        "ท่าเรือจะปิดในวันจันทร์ 港口将于周一关闭 항구는 월요일에 닫힌다",
    ]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text, "utf-8")
    counts = run([tmp_path / f"{number}.txt" for number in range(len(texts))], tmp_path / "out", settings).counts
    assert (counts["kept"], counts["repaired"]) == (len(texts), 0)


# Names


def traversals() -> list[str]:
    """A hundred names that would lead out of a folder, were they names of files."""
    parts = [
        "../x",
        "..\\x",
        "/etc/x",
        "C:\\x",
        "\\\\host\\x",
        "~/x",
        "..%2fx",
        "....//x",
        "x/../../x",
        "x\0y",
        ".",
        "..",
        "con",
        "aux.txt",
        "x:y",
    ]
    parts += [
        "%2e%2e%2fx",
        "..;/x",
        "x/",
        "/",
        "-rf",
        "$(x)",
        "`x`",
        "|x",
        "x\ny",
        ".dedupe-staging/new/x",
        "manifest.json",
        "canonical",
        "*",
        "?",
        "\u202e",
    ]
    return [prefix + part for prefix in ("", "../", "a/", "./") for part in parts][:100]


@pytest.mark.parametrize("format", ["same", "txt", "jsonl"])
def test_ids_and_fields_never_name_files(format: Any, tmp_path: Path, settings: Settings) -> None:
    names = traversals()
    assert len(names) == 100
    lines = [
        {"id": name, "url": name, "source": name, "title": name, "text": f"Words of article {n}. {CLEAN}" * (n % 3 + 1)}
        for n, name in enumerate(names)
    ]
    box = tmp_path / "box"
    box.mkdir()
    (box / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = sorted(tmp_path.rglob("*"))
    run([box / "a.jsonl"], box / "out", with_values(settings, {"emit": {"format": format}}))
    made = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert all(path.is_relative_to(box / "out") for path in made)
    allowed = re.compile(r"canonical(\.jsonl|/a\.jsonl(/\d{8}\.txt)?)?|report(/edits-\d{4}\.html)?|[a-z]+\.(jsonl|json|html)")
    assert [
        path for path in made if not allowed.fullmatch(path.relative_to(box / "out").as_posix()) and path != box / "out"
    ] == []


@pytest.mark.parametrize("place", ["canonical", "report.html", "manifest.json", "originals.jsonl"])
def test_a_symbolic_link_among_the_outputs_is_never_written_through(
    place: str, tmp_path: Path, jsonl_file: Path, settings: Settings, cli: Cli
) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    run([jsonl_file], out, settings)
    target = out / place
    shutil.move(target, victim)
    target.symlink_to(victim)
    before = {path: path.read_bytes() for path in [victim, *victim.rglob("*")] if path.is_file()}
    for command in (("apply", out), ("run", jsonl_file, "-o", out, "--force")):
        cli(*command)
        assert {path: path.read_bytes() for path in [victim, *victim.rglob("*")] if path.is_file()} == before


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://a.example","x")', "=cmd|' /C calc'!A0"]


def test_a_corpus_written_as_csv_is_the_corpus_formulas_included(tmp_path: Path, settings: Settings) -> None:
    lines = [{"id": f"{n}", "text": f"{formula} {CLEAN} {n}" * (n + 1)} for n, formula in enumerate(FORMULAS)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run([tmp_path / "a.jsonl"], tmp_path / "out", with_values(settings, {"emit": {"format": "csv"}}))
    with open(tmp_path / "out/canonical.csv", encoding="utf-8", newline="") as file:
        kept = {row["id"]: row["text"] for row in csv.DictReader(file)}
    assert kept == {id: text for id, text in ((line["id"], line["text"]) for line in lines) if id in kept}
    assert len(kept) > 1


# Terminal

CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + "\u202a\u202e\u2066\u2069\u200b\u200d\u2028"
ATTACK = f"{CONTROLS}\x1b[2J\x1b]0;owned\x07\x1b]52;c;eA==\x07\x1b]8;;http://a.example\x07x\x9b31m"


def test_nothing_from_a_corpus_reaches_a_terminal_raw(tmp_path: Path, cli: Cli, rules: Path) -> None:
    name = ATTACK.replace("/", "").replace("\0", "")[:80]
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [
        {"id": f"{a['id']}{ATTACK}", "title": ATTACK, "source": ATTACK, "text": f"{a['text']} {ATTACK}", ATTACK: "x"}
        for a in ARTICLES
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "broken\n")
    (folder / f"{name}.xyz").touch()
    own = ["--language", "xx", "--rules", rules]
    outcomes = [
        cli("run", folder, "-o", tmp_path / "out", *own, "--text-field", "text"),
        cli("run", folder, "--dry-run", *own, "--text-field", "text"),
        cli("find", folder, "--text-field", "text", "-o", tmp_path / "found"),
        cli("explain", tmp_path / "out", f"harbour{ATTACK}"),
        cli("explain", tmp_path / "out", f"harbour{ATTACK}", f"harbour3{ATTACK}"),
        cli("explain", tmp_path / "out", ATTACK),
        cli("apply", tmp_path / "out"),
        cli("doctor", tmp_path / "out"),
        cli("undo", tmp_path / "out", "-o", tmp_path / f"back{name}"),
        cli("run", tmp_path / f"missing{name}", "-o", tmp_path / "x"),
        cli("repair", "--diff", *own, stdin=f"{SPUN} {ATTACK}".encode()),
        cli("eval", "pairs", tmp_path / "out", tmp_path / name),
    ]
    for outcome in outcomes:
        for shown in (outcome.out, outcome.err):
            assert [c for c in shown if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}] == [], shown[:300]


def test_logs_can_be_json_lines(tmp_path: Path, jsonl_file: Path, cli: Cli) -> None:
    jsonl_file.write_bytes(jsonl_file.read_bytes() + ATTACK.encode() + b"\n")
    outcome = cli("--log-format", "json", "run", jsonl_file, "-o", tmp_path / "out")
    events = [json.loads(line) for line in outcome.err.splitlines()]
    assert all(event["at"].endswith("+00:00") and event["level"] in {"info", "note", "error"} for event in events)
    done = {event["step"]: event["records"] for event in events if event.get("state") == "done"}
    assert done == {"read and profile": 7, "repair and write": 7}
    assert "read          7 records" in outcome.out
    failed = cli("--log-format", "json", "run", tmp_path / "none", "-o", tmp_path / "x")
    assert failed.code == 2
    assert json.loads(failed.err.splitlines()[-1])["level"] == "error"


# The report


def payloads() -> list[str]:
    """Two hundred ways to make a browser run something."""
    acts = ["window.hit=1", "parent.hit=1;window.hit=1", "top.hit=1;window.hit=1", "self['hit']=1"]
    shapes = [
        "<script>{}</script>",
        "</script><script>{}</script>",
        "</style><script>{}</script>",
        "</title><script>{}</script>",
        "<img src=x onerror={}>",
        '"><img src=x onerror="{}">',
        "'><img src=x onerror='{}'>",
        "<svg onload={}>",
        "<svg><script>{}</script></svg>",
        "</svg><script>{}</script>",
        "<body onload={}>",
        "<iframe srcdoc='<script>{}</script>'></iframe>",
        "<iframe src=javascript:{}>",
        "<a href=javascript:{}>x</a>",
        '" onmouseover="{}" x="',
        "' onfocus='{}' autofocus='",
        "` onerror=`{}`",
        "<details open ontoggle={}>",
        "<input autofocus onfocus={}>",
        "<video><source onerror={}></video>",
        "<audio src=x onerror={}>",
        "<object data=javascript:{}>",
        "<embed src=javascript:{}>",
        "<form action=javascript:{}><button>x</button></form>",
        "<math><mtext></p><img src=x onerror={}>",
        "<style>@import 'http://evil.example/{}'</style>",
        "<link rel=stylesheet href=http://evil.example/{}>",
        "<meta http-equiv=refresh content='0;javascript:{}'>",
        "<base href=javascript:{}//>",
        "<table background=javascript:{}>",
        "]]><script>{}</script>",
        "--><script>{}</script>",
        "<!--<script>{}</script>",
        "\u2028<script>{}</script>",
        "\0<script>{}</script>",
        "\u202e<script>{}</script>",
        "<scr\0ipt>{}</scr\0ipt>",
        "&lt;script&gt;{}&lt;/script&gt;",
        "&#60;script&#62;{}&#60;/script&#62;",
        "\\u003cscript\\u003e{}\\u003c/script\\u003e",
        "%3Cscript%3E{}%3C/script%3E",
        "javascript:{}",
        "data:text/html,<script>{}</script>",
        "{{{{constructor.constructor('{}')()}}}}",
        "${{{}}}",
        "<template><script>{}</script></template>",
        "<noscript><p title='</noscript><script>{}</script>'>",
        "<textarea></textarea><script>{}</script>",
        "\ufeff<svg/onload={}>",
        "⟦U+<script>{}</script>⟧",
    ]
    found = [shape.format(act) for shape in shapes for act in acts]
    assert len(found) == len(set(found)) == 200
    return found


def hostile_pages(payload: str) -> list[str]:
    """Report and edit page with the payload in every field that can hold one."""
    edit = Edit(payload, payload, 0, 5, payload, payload, (payload,), "ask", True, (payload,))
    view, pages = EditView(edit, False, payload, payload, payload), EditPages()
    cluster = Cluster(payload, "near", (payload, payload + "2"), (), payload, payload)
    linked = dataclasses.replace(cluster, kind="story")
    data = ReportData.of_clusters([cluster])
    data.texts = {payload: payload, payload + "2": f"{payload} and {payload} again"}
    data.sources = {payload: (9, 5), "b": (2, 1)}
    data.add_edit(view)
    data.add_article(Repair(payload, "", (edit,), (Flag(payload, payload, 0, 0, payload),), verdict="spun"))
    data.add_quarantined(Where(payload, 0, 0), payload)
    data.pages = 2
    summary = Summary(COUNTS, {payload: 1}, emptied={payload: 0.9}, notes=(payload,), rules={payload: 1})
    assert list(pages.add(view)) == []
    ((_, page),) = pages.finish()
    return [build_report(summary, [cluster, linked], data), page]


def test_two_hundred_payloads_run_nothing_in_a_real_browser(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not os.environ.get("NEED_BROWSER"):
        pytest.importorskip("playwright.sync_api")
        if not chromium:
            pytest.skip("there is no Chromium here")
    from playwright.sync_api import sync_playwright

    hits, asked, said, count = [], [], [], 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (hits.append(dialog.message), dialog.dismiss()))
        for number, payload in enumerate(payloads()):
            for kind, document in enumerate(hostile_pages(payload)):
                file = tmp_path / f"{number}-{kind}.html"
                file.write_text(document, "utf-8", errors="replace")
                page.goto(file.as_uri())
                page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
                page.keyboard.press("j")
                if page.evaluate("Boolean(window.hit)"):
                    hits.append(payload)
                count += 1
        browser.close()
    assert (hits, said, count) == ([], [], 400)
    assert [url for url in asked if not url.startswith("file:")] == []


def test_no_payload_makes_a_tag_or_an_attribute() -> None:
    for payload in payloads():
        for page in hostile_pages(payload):
            reader = Reader(page)
            assert reader.tags <= OWN_TAGS
            assert not {name for name, _ in reader.attributes} & {"src", "style", "srcdoc", "action", "onload", "onerror"}
            assert all(re.match(r"#|\.\./report|report/", value) for name, value in reader.attributes if name == "href")
            assert "unsafe" not in reader.policy


def test_a_chart_is_said_in_words_too() -> None:
    drawn = draw_bars("Pairs", [("near", 1234), ("<b>", 1)])
    assert 'aria-label="Pairs. near: 1,234; &lt;b&gt;: 1"' in drawn
    assert "<b>" not in drawn


def test_all_edits_are_shown_on_as_many_pages_as_it_takes(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.txt").write_text("A photo: Getty Pictures. " * 4_100)
    out = tmp_path / "out"
    run([tmp_path / "a.txt"], out, settings)
    pages = sorted((out / "report").iterdir())
    assert [path.name for path in pages] == ["edits-0001.html", "edits-0002.html", "edits-0003.html"]
    assert [path.read_text("utf-8").count("data-edit=") for path in pages] == [2_000, 2_000, 100]
    report = (out / "report.html").read_text("utf-8")
    assert 'href="report/edits-0001.html">all 4,100 edits on 3 pages' in report
    for page in pages:
        targets = re.findall(r'href="\.\./([^"#]+)', page.read_text("utf-8"))
        assert all((out / target).is_file() for target in targets)
    assert examine(out).faults == ()
    before = {path.name: path.read_bytes() for path in pages}
    apply_decisions(out)
    assert {path.name: path.read_bytes() for path in (out / "report").iterdir()} == before


# The doctor


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda out: (out / "originals.jsonl").write_bytes(b""), r"originals\.jsonl: was changed after the run"),
        (lambda out: (out / "report.html").unlink(), r"report\.html: is missing"),
        (lambda out: (out / ".dedupe-staging/new").mkdir(parents=True), "is what an interrupted run left"),
        (lambda out: (out / ".dedupe-staging/ready").mkdir(parents=True), "was interrupted while its files were put in place"),
    ],
)
def test_the_doctor_finds_damage_and_changes_nothing(
    damage: Callable[[Path], Any], said: str, tmp_path: Path, jsonl_file: Path, settings: Settings, cli: Cli, read_tree: Tree
) -> None:
    out = tmp_path / "out"
    run([jsonl_file], out, settings)
    assert cli("doctor", out).code == 0
    damage(out)
    before = read_tree(out)
    outcome = cli("doctor", out)
    assert outcome.code == 4
    assert re.search(said, outcome.out)
    assert read_tree(out) == before


def test_the_doctor_counts_again(tmp_path: Path, jsonl_file: Path, settings: Settings) -> None:
    out = tmp_path / "out"
    run([jsonl_file], out, settings)
    manifest = json.loads((out / "manifest.json").read_bytes())
    for change, said in (
        (lambda m: m["counts"].update(kept=9), "outcomes give"),
        (lambda m: m["inputs"][0].update(outcomes="2k1r"), "lost or doubled"),
        (lambda m: m["inputs"][0].update(content_sha256="0" * 64), "do not give the bytes"),
    ):
        changed = json.loads(json.dumps(manifest))
        change(changed)
        (out / "manifest.json").write_text(json.dumps(changed))
        assert any(said in fault for fault in examine(out).faults), said
    (out / "manifest.json").write_text(json.dumps(manifest))
    (out / "mine.txt").touch()
    assert examine(out).strangers == ("mine.txt",)


# Determinism


def test_hash_seeds_change_nothing(tmp_path: Path) -> None:
    trees = []
    for seed in ("0", "1", "4242"):
        out = tmp_path / seed
        command = [sys.executable, "-m", "dedupe", "run", str(ROOT / "seeds/corpus"), "-o", str(out)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True)
        trees.append({path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()})
    assert trees[0] == trees[1] == trees[2]


def test_the_order_of_the_input_changes_neither_clusters_nor_canonicals_nor_bytes(tmp_path: Path, settings: Settings) -> None:
    texts = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "seeds/corpus").rglob("*.txt"))}
    lines = [json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items()]
    results = []
    for seed in range(4):
        shuffled = list(lines)
        random.Random(seed).shuffle(shuffled)
        folder = tmp_path / f"in{seed}"
        folder.mkdir()
        (folder / "a.jsonl").write_text("".join(shuffled if seed else lines))
        out = tmp_path / f"out{seed}"
        run([folder], out, Settings())
        same = {
            name: sorted((out / name).read_bytes().splitlines())
            for name in ("canonical/a.jsonl", "edits.jsonl", "repairs.jsonl")
        }
        same |= {name: [(out / name).read_bytes()] for name in ("pairs.jsonl", "clusters.jsonl")}
        results.append(same)
    for result in results[1:]:
        assert {name for name in result if result[name] != results[0][name]} == set()
