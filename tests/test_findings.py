"""Findings: the lines are what the JSON encoder would write; related articles need not be read again to be assessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_kernel import without_kernel

from dedupe.assess import assess_plainly
from dedupe.config import FindSettings, Settings
from dedupe.corpus.opening import open_corpus
from dedupe.detect.clusters import Clustering
from dedupe.findings import cluster_lines, encode_lines, pair_line
from dedupe.model import LINKING_KINDS, Cluster, Pair, Passage, as_dict
from dedupe.relate import relate

IDS = st.text(st.sampled_from('ab"\\\n\u2028é\ud800\x00😀'), max_size=4)
RATIOS = st.floats(0, 1) | st.just(1e-7)
PASSAGES = st.lists(st.builds(Passage, *[st.integers(0, 10**6)] * 5), max_size=2).map(tuple)
KINDS = st.sampled_from(["exact", "near", "spun", "contained", "overlap", "story"])
SHARED = st.lists(IDS, max_size=2).map(tuple)
PAIRS = st.builds(Pair, IDS, IDS, KINDS, RATIOS, RATIOS, RATIOS | st.none(), PASSAGES, RATIOS | st.none(), SHARED)
MEMBERS = st.lists(IDS, min_size=1, max_size=3).map(tuple)
CLUSTERS = st.builds(Cluster, IDS, KINDS, MEMBERS, st.lists(st.tuples(IDS, IDS), max_size=2).map(tuple), IDS, IDS)


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


@given(PAIRS)
def test_a_pair_is_written_as_json_has_it(pair: Pair) -> None:
    assert list(encode_lines([pair_line(pair)])) == [encode(as_dict(pair))]


@given(st.lists(CLUSTERS, max_size=3), st.dictionaries(IDS, PAIRS, max_size=3), st.dictionaries(IDS, IDS, max_size=3))
def test_a_cluster_is_written_as_json_has_it(clusters: list[Cluster], links: dict[str, Pair], reasons: dict[str, str]) -> None:
    expected = []
    for cluster in sorted(clusters, key=lambda cluster: (cluster.id, cluster.kind)):
        told = {
            id: {
                "kind": links[id].kind,
                "jaccard": links[id].jaccard,
                "containment": links[id].containment,
                "preferred": reasons.get(id, ""),
            }
            for id in dict.fromkeys(cluster.members)
            if id in links and cluster.kind not in LINKING_KINDS
        }
        expected.append({**as_dict(cluster), "links": told})
    lines = [json.loads(line) for line in cluster_lines(Clustering(tuple(clusters), links, reasons))]
    assert lines == expected


@pytest.mark.parametrize("kinds", [("exact", "near"), FindSettings().kinds])
def test_related_articles_are_assessed_by_the_first_reading_as_by_their_texts(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    story = " ".join(f"word{number}" for number in range(80))
    lines = [
        {"id": "whole", "text": f"{story}. That was all.", "publisher": "Wire", "url": "http://a.org/1", "date": "2024-05-06"},
        {"id": "cut", "text": f"{story} and they will be there on", "url": "http://Www.B.org:80/2", "date": ""},
        {"id": "copy", "text": f"{story}! That was all ...", "publisher": "", "url": ""},
        {"id": "other", "text": "Nothing that is like them."},
    ]
    path = tmp_path / "news.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = Settings(find=FindSettings(kinds=kinds))
    corpus = open_corpus([path], settings)[0]
    found = [relate(corpus, settings, assess, lambda items, step: items) for assess in (None, assess_plainly)]
    with without_kernel():
        corpus = open_corpus([path], settings)[0]
        found.append(relate(corpus, settings, None, lambda items, step: items))
    assert set(found[0].candidates) == {"whole", "cut", "copy"}
    assert found[0].candidates["cut"].truncated
    assert found[0].candidates["cut"].source == "www.b.org"
    assert found[0].candidates == found[1].candidates == found[2].candidates
    assert found[0].clustering == found[1].clustering == found[2].clustering
