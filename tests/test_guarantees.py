"""What people rely on: nothing removed for its frame, no stale decision, one result on any number of threads, no network."""

from __future__ import annotations

import ast
import json
import random
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ARTICLES, EXAMPLES, ROOT, RULES
from formats import make_jsonl
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dedupe import Article, Decision, RepairSettings, Settings, apply_decisions, examine, run, undo
from dedupe.config import with_values
from dedupe.corpus.envelope import open_record
from dedupe.detect import batches
from dedupe.detect.profile import profile_texts
from dedupe.detect.verify import measure_pairs
from dedupe.repair.repairer import Repairer
from dedupe.review.ledger import Ledger
from dedupe.text.lexicon import load_lexicon
from dedupe.texts import make_repairer

Tree = Callable[[Path], dict[str, bytes]]

# Removal

TOWNS = "Aldmoor Brenwick Caldhaven Dunmere Eastlow Farnwell Garstead Holmby Inverleck Jarrowby Kelsworth Lymington".split()
TOPICS = "a bakery|a bus lane|a choir|a clinic|a ferry|a library|a mill|a museum|a park|a school|a theatre|a weir".split("|")


def make_notices(number: int) -> list[dict[str, str]]:
    """Notices of planning, all of one template, each about something else."""
    chance, made = random.Random(4), []
    for at in range(number):
        town, topic, other = chance.choice(TOWNS), chance.choice(TOPICS), chance.choice(TOPICS)
        text = (
            f"Planning notice {at} of the borough of {town}. An application for {topic} at {at % 97 + 1} "
            f"{chance.choice(TOWNS)} Road has been received on day {at % 28 + 1} of the month. "
            "Plans may be seen at the town hall from nine to five. "
            f"Anyone who wishes to object may write to the clerk of {town} within {chance.randrange(10, 40)} days, naming the "
            f"number {at * 7 + 13}. The committee, which last refused {other}, meets on the first Tuesday."
        )
        made.append({"id": f"n{at:05}", "text": text})
    return made


def test_of_many_notices_of_one_template_none_is_removed(tmp_path: Path) -> None:
    notices = make_notices(max(300, EXAMPLES))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(notice) + "\n" for notice in notices))
    summary = run([tmp_path / "a.jsonl"], tmp_path / "out", Settings(repair=RepairSettings(enabled=False)))
    assert (summary.counts["duplicate"], summary.counts["kept"]) == (0, len(notices))


def test_who_is_removed_has_one_survivor_that_says_the_same(tmp_path: Path) -> None:
    run([ROOT / "seeds/corpus"], tmp_path / "out")
    lines = (tmp_path / "out/duplicates.jsonl").read_bytes().splitlines(keepends=True)
    labels = [open_record(line)[0] for line in lines]
    texts = {path.name: path.read_text("utf-8") for path in (ROOT / "seeds/corpus").iterdir()}
    survivors = {path.name for path in (tmp_path / "out/canonical").iterdir()}
    assert len(labels) > 40
    assert {label["dup_of"] for label in labels} <= survivors
    assert survivors.isdisjoint(label["id"] for label in labels)
    for label in labels:
        if label["kind"] != "spun":  # of which nothing but the sense is there
            profiles = profile_texts([texts[label["id"]], texts[label["dup_of"]]], Settings().find)
            jaccard, containment = measure_pairs(profiles.hashes, profiles.offsets, *map(make_index, (0, 1)))
            assert (float(jaccard[0]), float(containment[0])) == (label["jaccard"], label["containment"])
            assert label["jaccard"] >= 0.7 or label["containment"] >= 0.5, label


def make_index(number: int) -> np.ndarray:
    return np.array([number])


# Decisions

SENTENCES = [
    "An extra hour.",
    "The extra talks.",
    "He mentioned it.",
    "A drone assault.",
    "Extra!",
    "“Extra,” he mentioned.",
    "So.",
]


@pytest.fixture(scope="module")
def repairer(tmp_path_factory: pytest.TempPathFactory) -> Repairer:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "my.tsv").write_text(RULES, "utf-8")
    return make_repairer(RepairSettings(language="xx", rules=(str(folder),)))


@examples(max_examples=max(200, EXAMPLES), deadline=None)
@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=8), st.data())
def test_a_decision_on_an_edit_is_never_made_in_a_text_that_changed(
    repairer: Repairer, before: list[str], data: st.DataObject
) -> None:
    after = data.draw(st.permutations(before)) if data.draw(st.booleans()) else [*before, data.draw(st.sampled_from(SENTENCES))]
    old, new = (repairer.repair(Article("a", " ".join(text))) for text in (before, after))
    asked = {edit.id: edit for edit in old.edits if not edit.automatic}
    made = Ledger([Decision(f"edit:{id}", "accept") for id in asked]).settle(new.edits, "")
    text = " ".join(after)
    for edit in made:
        assert text[edit.start : edit.end] == edit.before
        assert edit.automatic or edit == asked[edit.id]


# Scripts

MULTILINGUAL = {
    "he": "הנמל ייסגר ביום שני אמר הדובר לעיתונאים בעיר החדשה \u200eVelsing\u200f",
    "ar": "يغلق الميناء يوم الاثنين قال المتحدث للصحفيين \u2066Velsing\u2069",
    "fa": "بندر روز دوشنبه بسته می\u200cشود سخنگو گفت کشتی\u200cها",
    "hi": "बंदरगाह सोमवार को बंद होगा प्रवक्ता ने कहा क\u094d\u200dष और\u200cवह",
    "bn": "বন্দর সোমবার বন্ধ হবে মুখপাত্র বলেছেন র\u200d\u09cdযাব",
    "th": "ท่าเรือ จะปิด\u200bใน วันจันทร์ โฆษก กล่าว",
    "zh": "港口 将于 周一 关闭 发言人 说 新的 码头",
    "ja": "港は 月曜日に 閉まると 報道官は 述べた カモメ",
    "ko": "항구는 월요일에 닫힌다고 대변인이 말했다",
    "ru": "порт закроется в понедельник сообщил представитель города",
    "el": "το λιμάνι θα κλείσει τη Δευτέρα είπε ο εκπρόσωπος",
    "de": "der Hafen schließt am Montag sagte der Sprecher in Köln",
    "emoji": "ships \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \u2764\ufe0f \U0001f1f3",
}


def test_clean_texts_of_any_script_are_left_alone() -> None:
    repairer, chance = Repairer(load_lexicon(), RepairSettings()), random.Random(8)
    for number in range(max(260, 2 * EXAMPLES)):
        language = list(MULTILINGUAL)[number % len(MULTILINGUAL)]
        words = MULTILINGUAL[language].split(" ")
        sentences = [" ".join(chance.choices(words, k=chance.randrange(3, 14))) + ". " for _ in range(chance.randrange(1, 9))]
        text = "".join(sentence + chance.choice(["", "", "\n"]) for sentence in sentences)
        assert repairer.repair(Article(str(number), text)).edits == (), (language, text)


# Threads, network


def test_the_number_of_threads_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_tree: Tree) -> None:
    monkeypatch.setattr(batches, "BATCH", 5_000)  # so that there are batches to be shared
    trees = []
    for threads in (1, 8):
        monkeypatch.setattr(batches, "count_cores", lambda threads=threads: threads)
        run([ROOT / "seeds/corpus"], tmp_path / str(threads))
        trees.append(read_tree(tmp_path / str(threads)))
    assert trees[0] == trees[1]


def test_no_socket_is_opened(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    (tmp_path / "a.jsonl").write_bytes(make_jsonl(ARTICLES))
    run([tmp_path / "a.jsonl"], tmp_path / "out", with_values(settings, {"emit": {"format": "parquet"}}))
    apply_decisions(tmp_path / "out")
    assert examine(tmp_path / "out").faults == ()
    undo(tmp_path / "out", tmp_path / "back")


def test_no_code_is_run_that_came_as_data_and_nothing_is_fetched() -> None:
    modules = {"pickle", "marshal", "shelve", "yaml", "socket", "http", "requests", "httpx", "ftplib", "smtplib"}
    calls = {"eval", "exec", "compile", "__import__"}
    found = []
    for file in sorted((ROOT / "dedupe").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            if {name.partition(".")[0] for name in names} & modules or "urllib.request" in names:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {sorted(names)}")  # type: ignore[attr-defined]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in calls:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.func.id}")
    assert found == []
