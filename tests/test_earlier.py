"""What stood before a run, in an index or a reference corpus: its copies are duplicates of it, and no run finds itself."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from conftest import CLEAN, HARBOUR, ROOT, Cli
from crash import in_child, kill_self, killed_at
from pages import FRAMES, fill

from dedupe import (
    Article,
    Decision,
    FindSettings,
    RepairSettings,
    Settings,
    Stream,
    Summary,
    append_decision,
    apply_decisions,
    examine,
    run,
    undo,
)
from dedupe.errors import IndexStateError, UsageError
from dedupe.index.contract import Index, Part
from dedupe.index.sqlite import SqliteIndex

PLAIN = Settings(repair=RepairSettings(enabled=False))
# Without the tables of English, which take most of the time of so small a run, and without what needs them.
QUICK = replace(PLAIN, find=FindSettings(kinds=("exact", "near")), repair=RepairSettings(enabled=False, language="fr"))
WITHOUT_TABLES = ("--kinds", "exact,near", "--no-repair", "--language", "fr")
SEEDS = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "seeds" / "corpus").glob("*.txt"))}
NEAR = HARBOUR.replace("could take", "take")
Tree = Callable[[Path], dict[str, bytes]]


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    return folder


def duplicates(out: Path) -> dict[str, tuple[str, str]]:
    lines = [json.loads(line) for line in (out / "duplicates.jsonl").read_bytes().splitlines()]
    return {line["id"]: (line["dup_of"], line["kind"]) for line in lines}


def canonical(out: Path) -> list[str]:
    return sorted(path.name for path in out.glob("canonical/*"))


def look(path: Path, ask: Callable[[Index], Any]) -> Any:
    index = SqliteIndex(path)
    with index.transaction():
        assert index.verify() == []
        answer = ask(index)
    index.close()
    return answer


def owners(path: Path) -> list[str]:
    return sorted(text.owner for text in look(path, lambda index: index.read_texts(range(1, index.next_number()))).values())


def assert_sound(out: Path, source: Path, tmp_path: Path, read_tree: Tree) -> None:
    """The doctor finds nothing wrong, and the input comes back."""
    assert examine(out).faults == ()
    undo(out, tmp_path / f"{out.name}-back")
    assert read_tree(tmp_path / f"{out.name}-back") == read_tree(source)


@pytest.fixture
def may(tmp_path: Path) -> Path:
    return write(tmp_path / "may", choir=CLEAN, harbour=HARBOUR, strait=SEEDS["strait-original"])


@pytest.fixture
def june(tmp_path: Path) -> Path:
    texts = {"a_copy": HARBOUR.upper(), "b_near": NEAR, "c_spun": SEEDS["strait-spun-a"], "d_new": SEEDS["ferry-original"]}
    return write(tmp_path / "june", **texts, e_new=SEEDS["ferry-wire"])


def test_what_came_before_and_is_unlike_the_run_changes_nothing(tmp_path: Path, may: Path, read_tree: Tree) -> None:
    write(tmp_path / "old", ferry=SEEDS["ferry-original"])
    write(tmp_path / "texts", choir=CLEAN, harbour=HARBOUR, near=NEAR)
    index = f"sqlite:{tmp_path}/i.db"
    run([tmp_path / "old"], tmp_path / "before", QUICK, index=index)
    options: list[dict[str, Any]] = [{}, {"index": index}, {"against": [tmp_path / "old"]}]
    trees = []
    for number, option in enumerate(options):
        run([tmp_path / "texts"], tmp_path / f"out{number}", QUICK, **option)
        tree = read_tree(tmp_path / f"out{number}")
        del tree["manifest.json"]
        tree["report.html"] = re.sub(rb'data-run="\w+"', b"", tree["report.html"])  # the settings name the run
        trees.append(tree)
    assert trees[0] == trees[1] == trees[2]


def test_copies_of_indexed_articles_are_duplicates_and_survivors_enter_the_index(
    tmp_path: Path, may: Path, june: Path, read_tree: Tree
) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    assert run([may], tmp_path / "may-out", PLAIN, index=index).counts["kept"] == 3
    summary = run([june], tmp_path / "june-out", PLAIN, index=index)
    assert (summary.counts["kept"], summary.counts["duplicate"]) == (1, 4)
    assert duplicates(tmp_path / "june-out") == {
        "a_copy.txt": ("harbour.txt", "exact"),
        "b_near.txt": ("harbour.txt", "near"),
        "c_spun.txt": ("strait.txt", "spun"),
        "e_new.txt": ("d_new.txt", "near"),
    }
    assert canonical(tmp_path / "june-out") == ["d_new.txt"]
    clusters = [json.loads(line) for line in (tmp_path / "june-out" / "clusters.jsonl").read_bytes().splitlines()]
    harbour = next(cluster for cluster in clusters if cluster["canonical"] == "harbour.txt")
    assert harbour["members"] == ["a_copy.txt", "b_near.txt", "harbour.txt"]
    assert harbour["reason"] == "stands in the index already; 2 other versions"
    assert owners(tmp_path / "i.db") == ["choir.txt", "d_new.txt", "harbour.txt", "strait.txt"]
    assert look(tmp_path / "i.db", lambda found: len(found.stats().parts)) == 2
    assert_sound(tmp_path / "june-out", june, tmp_path, read_tree)


def test_a_run_does_not_find_itself(tmp_path: Path, may: Path, june: Path, read_tree: Tree) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    run([may], tmp_path / "may-out", QUICK, index=index)
    first = run([june], tmp_path / "out", QUICK, index=index)
    before, held = read_tree(tmp_path / "out"), owners(tmp_path / "i.db")
    assert run([june], tmp_path / "out", QUICK, index=index) == first, "a finished run is told again"
    run([june], tmp_path / "elsewhere", QUICK, index=index)
    run([june], tmp_path / "out", QUICK, index=index, overwrite=True)
    assert read_tree(tmp_path / "elsewhere") == before == read_tree(tmp_path / "out")
    assert owners(tmp_path / "i.db") == held


def test_another_run_does_not_take_the_place_of_a_finished_one(tmp_path: Path, may: Path, june: Path) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    run([may], tmp_path / "out", QUICK, index=index)
    with pytest.raises(UsageError, match="finished run"):
        run([june], tmp_path / "out", QUICK, index=index)
    with pytest.raises(UsageError, match="finished run"):
        run([may], tmp_path / "out", replace(QUICK, find=FindSettings(kinds=("exact",))), index=f"sqlite:{tmp_path}/other.db")


def test_a_run_killed_anywhere_and_repeated_leaves_output_and_index_as_one_that_was_not(
    tmp_path: Path, may: Path, june: Path, read_tree: Tree
) -> None:
    def work(out: Path, url: str) -> Summary:
        return run([june], out, QUICK, index=url)

    run([may], tmp_path / "may-out", QUICK, index=f"sqlite:{tmp_path}/may.db")
    shutil.copy(tmp_path / "may.db", tmp_path / "i.db")
    work(tmp_path / "out", f"sqlite:{tmp_path}/i.db")
    wanted, held, states = read_tree(tmp_path / "out"), owners(tmp_path / "i.db"), set()
    kills: list[Callable[[Callable[[], Any]], bool]] = [partial(killed_at, call) for call in range(1, 80, 5)]
    for kill in (*kills, partial(kill_at_commit, committed=False), partial(kill_at_commit, committed=True)):
        shutil.rmtree(tmp_path / "out")
        shutil.copy(tmp_path / "may.db", tmp_path / "i.db")
        if kill(partial(work, tmp_path / "out", f"sqlite:{tmp_path}/i.db")):
            parts = look(tmp_path / "i.db", lambda found: len(found.stats().parts))
            states.add(((tmp_path / "out" / "manifest.json").exists(), parts))
            work(tmp_path / "out", f"sqlite:{tmp_path}/i.db")
        assert read_tree(tmp_path / "out") == wanted
        assert owners(tmp_path / "i.db") == held
    assert states == {(False, 1), (True, 1), (True, 2)}


def kill_at_commit(work: Callable[[], Any], *, committed: bool) -> bool:
    """Whether `work`, in a child of its own, was killed just before its commit, or just after it."""
    add_part = SqliteIndex.add_part

    def add_and_die(index: SqliteIndex, part: Part) -> None:
        add_part(index, part)
        if committed:
            index._connection.execute("COMMIT")
        kill_self()

    with mock.patch.object(SqliteIndex, "add_part", add_and_die):
        return in_child(work) != 0


def test_stream_and_run_share_an_index(tmp_path: Path, june: Path) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    with Stream(PLAIN, index) as stream:
        stream.process_batch([Article("choir", CLEAN), Article("h", HARBOUR), Article("h2", NEAR)])
    run([june], tmp_path / "out", PLAIN, index=index)
    assert duplicates(tmp_path / "out")["b_near.txt"] == ("h", "near")
    with Stream(PLAIN, index) as stream:
        result = stream.process(Article("later", SEEDS["ferry-wire"]))
    assert (result.dup_of, result.kind) == ("d_new.txt", "near")


def test_an_index_made_with_other_settings_is_refused_before_anything_is_written(tmp_path: Path, may: Path, cli: Cli) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    run([may], tmp_path / "may-out", QUICK, index=index)
    outcome = cli("run", may, "-o", tmp_path / "out", "--index", index, "--shingle-words", "4")
    assert outcome.code == 5
    assert "shingle_words is 5, asked for is 4" in outcome.err
    assert "another index" in outcome.err
    assert not (tmp_path / "out").exists()


def test_an_index_in_use_is_waited_for(tmp_path: Path, may: Path, cli: Cli) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    with Stream(PLAIN, index) as stream, stream.index.transaction():
        outcome = cli("run", may, "-o", tmp_path / "out", "--index", index, "--wait", "0.1")
    assert outcome.code == 5
    assert "locked" in outcome.err
    assert cli("run", may, "-o", tmp_path / "out", "--index", index).code == 0


def test_a_dry_run_makes_and_changes_no_index(tmp_path: Path, may: Path, june: Path) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    assert run([may], tmp_path / "out", QUICK, index=index, dry_run=True).counts["kept"] == 3
    assert not (tmp_path / "i.db").exists()
    run([may], tmp_path / "out", QUICK, index=index)
    held = owners(tmp_path / "i.db")
    assert run([june], tmp_path / "none", QUICK, index=index, dry_run=True).counts["duplicate"] == 3
    assert owners(tmp_path / "i.db") == held


def test_a_run_that_fails_leaves_the_index_as_it_was(tmp_path: Path, may: Path) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    with (
        mock.patch("dedupe.pipeline.finish_emission", side_effect=OSError("disk full")),
        pytest.raises(OSError, match="disk full"),
    ):
        run([may], tmp_path / "out", QUICK, index=index)
    assert look(tmp_path / "i.db", lambda found: (found.stats().texts, found.stats().parts)) == (0, {})
    run([may], tmp_path / "out", QUICK, index=index)


def test_articles_that_an_index_could_not_recognise_are_refused(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"text": HARBOUR, "code": "a"}) + "\n" + json.dumps({"text": CLEAN, "code": "b"}) + "\n")
    command = ("run", path, "-o", tmp_path / "out", "--index", f"sqlite:{tmp_path}/i.db", *WITHOUT_TABLES)
    outcome = cli(*command)
    assert outcome.code == 2, outcome.err
    assert "--id-field" in outcome.err
    outcome = cli(*command, "--id-field", "code")
    assert outcome.code == 0, outcome.err
    assert owners(tmp_path / "i.db") == ["a", "b"]


def test_a_new_version_is_no_duplicate_of_the_old_one(tmp_path: Path) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    run([write(tmp_path / "old", h=HARBOUR)], tmp_path / "o1", QUICK, index=index)
    run([write(tmp_path / "new", h=NEAR)], tmp_path / "o2", QUICK, index=index)
    assert duplicates(tmp_path / "o2") == {}
    assert owners(tmp_path / "i.db") == ["h.txt", "h.txt"]


@pytest.mark.parametrize("way", ["index", "against"])
def test_an_original_is_no_duplicate_of_a_spun_copy(tmp_path: Path, way: str) -> None:
    old, new = write(tmp_path / "old", s=SEEDS["strait-spun-a"]), write(tmp_path / "new", o=SEEDS["strait-original"])
    assert compare(way, old, new, tmp_path) == {}


@pytest.mark.parametrize("way", ["index", "against"])
def test_pages_of_a_template_are_no_duplicates_of_earlier_ones(tmp_path: Path, way: str) -> None:
    settings = replace(QUICK, find=FindSettings(kinds=("exact", "near", "template")))
    pick = random.Random(2)
    pages = [fill(FRAMES["sale"], pick) for _ in range(24)]
    old = write(tmp_path / "old", **{f"o{n:02}": page for n, page in enumerate(pages[:12])})
    new = write(tmp_path / "new", **{f"p{n:02}": page for n, page in enumerate(pages[12:])}, copy=pages[3])
    assert compare(way, old, new, tmp_path, settings) == {"copy.txt": ("o03.txt", "exact")}


def compare(way: str, old: Path, new: Path, tmp_path: Path, settings: Settings = PLAIN) -> dict[str, tuple[str, str]]:
    """The duplicates among the new articles, the old ones being in an index or the reference."""
    if way == "index":
        run([old], tmp_path / "before", settings, index=f"sqlite:{tmp_path}/i.db")
        run([new], tmp_path / "after", settings, index=f"sqlite:{tmp_path}/i.db")
    else:
        run([new], tmp_path / "after", settings, against=[old])
    return duplicates(tmp_path / "after")


def against(old: Path, new: Path, out: Path, settings: Settings = PLAIN, **options: Any) -> Summary:
    return run([new], out, settings, against=[old], **options)


def test_copies_of_a_reference_are_duplicates_and_nothing_of_it_is_emitted(
    tmp_path: Path, may: Path, june: Path, read_tree: Tree
) -> None:
    before = read_tree(may)
    summary = against(may, june, tmp_path / "out")
    assert summary.counts == {"read": 5, "kept": 1, "repaired": 0, "duplicate": 4, "quarantined": 0}
    assert duplicates(tmp_path / "out") == {
        "a_copy.txt": ("harbour.txt", "exact"),
        "b_near.txt": ("harbour.txt", "near"),
        "c_spun.txt": ("strait.txt", "spun"),
        "e_new.txt": ("d_new.txt", "near"),
    }
    assert canonical(tmp_path / "out") == ["d_new.txt"]
    assert read_tree(may) == before
    assert_sound(tmp_path / "out", june, tmp_path, read_tree)
    with pytest.raises(UsageError, match="finished run"):
        against(may, june, tmp_path / "out")


def test_a_cut_copy_of_a_reference_is_a_duplicate_and_a_fuller_text_is_not(tmp_path: Path) -> None:
    words = SEEDS["storm-original"].split()
    full, cut = " ".join(words), " ".join(words[: len(words) // 2])
    assert against(write(tmp_path / "full", f=full), write(tmp_path / "cut", c=cut), tmp_path / "o1").counts["duplicate"] == 1
    assert duplicates(tmp_path / "o1") == {"c.txt": ("f.txt", "contained")}
    assert against(tmp_path / "cut", tmp_path / "full", tmp_path / "o2").counts["duplicate"] == 0


def test_copies_within_the_reference_do_not_hide_one_another(tmp_path: Path) -> None:
    words = [f"word{n}" for n in range(200)]
    chain = [" ".join([*[f"new{m}" for m in range(n * 20)], *words[n * 20 :]]) for n in range(4)]
    old = write(tmp_path / "old", a=chain[0], b=chain[1], c=chain[2], d=chain[2].upper())
    new = write(tmp_path / "new", x=chain[3], y=chain[2] + " !")
    against(old, new, tmp_path / "out")
    assert duplicates(tmp_path / "out") == {"x.txt": ("c.txt", "near"), "y.txt": ("c.txt", "exact")}
    pairs = [json.loads(line) for line in (tmp_path / "out" / "pairs.jsonl").read_bytes().splitlines()]
    assert all({pair["a"], pair["b"]} & {"x.txt", "y.txt"} for pair in pairs)


def test_articles_of_the_reference_that_are_called_like_others_are_told_apart(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old", a=HARBOUR, b=CLEAN), write(tmp_path / "new", a=HARBOUR, b=SEEDS["ferry-original"])
    against(old, new, tmp_path / "out")
    assert duplicates(tmp_path / "out") == {"a.txt": ("a.txt~reference", "exact")}
    assert canonical(tmp_path / "out") == ["b.txt"]


def test_what_cannot_be_read_of_a_reference_is_told(tmp_path: Path, june: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps({"id": "h", "text": HARBOUR}) + "\ngarbage\n")
    summary = run([june], tmp_path / "out", QUICK, against=[path])
    assert summary.counts["quarantined"] == 0
    assert "1 records of the reference cannot be read" in summary.notes
    assert "2 of the duplicates are copies of what the reference holds" in summary.notes
    assert duplicates(tmp_path / "out")["b_near.txt"] == ("h", "near")


def test_index_and_reference_go_together(tmp_path: Path, may: Path, june: Path, cli: Cli) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    old = write(tmp_path / "old", ferry=SEEDS["ferry-original"].upper())
    run([may], tmp_path / "may-out", PLAIN, index=index)
    options: Sequence[str | Path] = ("--index", index, "--against", old, "--no-repair")
    assert cli("run", june, "-o", tmp_path / "out", *options).code == 0
    assert {of for of, _ in duplicates(tmp_path / "out").values()} == {"harbour.txt", "strait.txt", "ferry.txt"}
    assert canonical(tmp_path / "out") == []
    assert owners(tmp_path / "i.db") == ["choir.txt", "harbour.txt", "strait.txt"], "nothing of the reference enters"


@pytest.mark.parametrize("way", ["index", "against"])
def test_people_may_keep_what_is_a_copy_of_an_earlier_article(tmp_path: Path, may: Path, june: Path, way: str) -> None:
    out, options = tmp_path / "out", {"against": [may]} if way == "against" else {"index": f"sqlite:{tmp_path}/i.db"}
    if way == "index":
        run([may], tmp_path / "may-out", QUICK, index=f"sqlite:{tmp_path}/i.db")
    run([june], out, QUICK, **options)  # type: ignore[arg-type]
    for target, verdict in {'articles:["b_near.txt","harbour.txt"]': "different", "canonical:e_new.txt": "accept"}.items():
        append_decision(out, Decision(target, verdict, by="ed", at="2026-01-01T00:00:00Z"))  # type: ignore[arg-type]
    summary = apply_decisions(out)
    assert summary.stale == ()
    assert canonical(out) == ["b_near.txt", "c_spun.txt", "e_new.txt"]
    assert duplicates(out)["a_copy.txt"] == ("harbour.txt", "exact")
    assert examine(out).faults == ()
    again = run([june], out, QUICK, overwrite=True, **options)  # type: ignore[arg-type]
    assert (again.counts, again.stale) == (summary.counts, ())
    assert canonical(out) == ["b_near.txt", "c_spun.txt", "e_new.txt"]


def test_an_index_that_is_locked_says_so(tmp_path: Path, may: Path) -> None:
    index = f"sqlite:{tmp_path}/i.db"
    settings = replace(QUICK, stream=replace(QUICK.stream, wait=0.1))
    with Stream(settings, index) as stream, stream.index.transaction(), pytest.raises(IndexStateError, match="locked"):
        run([may], tmp_path / "out", settings, index=index)
