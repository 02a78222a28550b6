"""Clusters: nobody is in one who does not pass against its canonical; and the choice of the canonical."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.config import ChooseSettings, FindSettings
from dedupe.detect.canonical import Candidate, Choice, choose_canonical
from dedupe.detect.clusters import Clustering, _settle_groups, find_clusters
from dedupe.detect.dates import parse_date
from dedupe.detect.find import find_pairs
from dedupe.detect.profile import profile_texts
from dedupe.detect.relation import Verifier
from dedupe.errors import UsageError

DEFAULTS = FindSettings()


def cluster(texts: dict[str, str], **best: int) -> Clustering:
    """The clusters of the texts; the smallest id is preferred but for those given another length."""
    ids = list(texts)
    profiles = profile_texts(texts.values(), DEFAULTS)
    verifier = Verifier(profiles, ids, DEFAULTS)
    pairs = find_pairs(profiles, ids, verifier, DEFAULTS).pairs

    candidates = {id: Candidate(id, best.get(id, 100)) for id in ids}

    choice = Choice(candidates.values(), ChooseSettings())
    return find_clusters(pairs, verifier.verify_with, choice.ranks, choice.tell)


def make_chain(length: int, step: int = 10, window: int = 100) -> dict[str, str]:
    """Texts of `window` words, each moved on by `step`: neighbours are alike, the ends share nothing."""
    words = [f"w{i}" for i in range(window + step * length)]
    return {f"c{i:03}": " ".join(words[i * step : i * step + window]) for i in range(length)}


def test_unrelated_texts_form_no_cluster():
    assert cluster({"a": "one two three", "b": "four five six", "c": ""}) == Clustering((), {})


def test_versions_form_one_cluster_with_their_links():
    body = " ".join(f"w{i}" for i in range(100))
    found = cluster({"b": body, "a": body + " more", "c": body.upper(), "d": "else"})
    assert [(c.id, c.kind, c.members, c.canonical) for c in found.clusters] == [("a", "near", ("a", "b", "c"), "a")]
    assert found.clusters[0].pairs == (("a", "b"), ("b", "c"))
    assert {id: (link.a, link.b, link.kind) for id, link in found.links.items()} == {
        "b": ("a", "b", "near"),
        "c": ("a", "c", "near"),
    }


def test_copies_form_an_exact_cluster():
    found = cluster({"b": "Same text.", "a": "same TEXT"}, b=200)
    assert [(c.id, c.kind, c.canonical) for c in found.clusters] == [("a", "exact", "b")]
    assert found.links["a"].kind == "exact"


def test_a_chain_is_cut_where_members_are_unlike_their_canonical():
    found = cluster(make_chain(12))
    assert len(found.clusters) > 1
    for chain_cluster in found.clusters:
        for member in set(chain_cluster.members) - {chain_cluster.canonical}:
            link = found.links[member]
            assert link.jaccard >= DEFAULTS.near
            assert {link.a, link.b} == {member, chain_cluster.canonical}
    members = [member for c in found.clusters for member in c.members]
    assert len(members) == len(set(members))


def test_a_member_alike_to_no_canonical_stays_single():
    found = cluster(make_chain(3, step=12))
    assert [c.members for c in found.clusters] == [("c000", "c001")]
    assert "c002" not in found.links


def test_copies_stand_and_fall_together():
    """Two groups of copies, alike: the canonical is a copy that no pair names with the other group's copies."""
    body = " ".join(f"w{i}" for i in range(100))
    texts = {"a": body, "b": body.upper(), "c": body + " more", "d": body + " More!"}
    found = cluster(texts, d=200)
    assert [(c.members, c.canonical, c.kind) for c in found.clusters] == [(("a", "b", "c", "d"), "d", "near")]
    assert {id: (link.kind, link.jaccard == 1.0) for id, link in found.links.items()} == {
        "a": ("near", False),
        "b": ("near", False),
        "c": ("exact", True),
    }


def test_members_of_a_hot_bucket_meet_their_canonical_through_its_first():
    frame = [f"w{i}" for i in range(300)]
    texts = {f"{i:03}": " ".join([*frame, f"tail{i}"]) for i in range(400)}
    found = cluster(texts, **{"250": 200})
    assert [(len(c.members), c.canonical) for c in found.clusters] == [(400, "250")]
    assert len(found.clusters[0].pairs) < 400 * 399 / 4


def test_a_long_chain_is_settled_link_by_link():
    chain = make_chain(400)
    for best in ({}, {id: 100 + number for number, id in enumerate(chain)}):
        found = cluster(chain, **best)
        assert len(found.clusters) >= 400 // 5
        assert sum(len(c.members) for c in found.clusters) > 380


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order_of_the_texts(shuffler: random.Random):
    texts = make_chain(9)
    shuffled = list(texts.items())
    shuffler.shuffle(shuffled)
    assert cluster(dict(shuffled)) == cluster(texts)


def test_a_lone_pair_is_settled_as_a_group_of_two_is():
    texts = make_chain(60, step=9, window=60) | {f"{id}-copy": text for id, text in make_chain(9).items()}
    texts |= {f"lone{i}{j}": f"{' '.join(f'x{i}-{n}' for n in range(50))} {j * 'end'}" for i in range(9) for j in range(2)}
    profiles, ids = profile_texts(texts.values(), DEFAULTS), list(texts)
    verifier = Verifier(profiles, ids, DEFAULTS)
    pairs = find_pairs(profiles, ids, verifier, DEFAULTS).pairs
    choice = Choice([Candidate(id, len(text), truncated=id[-2:] == "40") for id, text in texts.items()], ChooseSettings())
    for stands_for in (lambda survivor, pair: True, lambda survivor, pair: survivor < "lone5"):
        found = find_clusters(pairs, verifier.verify_with, choice.ranks, choice.tell, stands_for)
        homes, links = _settle_groups(pairs, verifier.verify_with, choice.ranks, stands_for)
        assert {cluster.canonical: list(cluster.members) for cluster in found.clusters} == homes
        assert found.links == links
        assert len(links) > 20


def test_the_reason_names_only_those_who_stayed():
    found = cluster(make_chain(3, step=12))
    assert found.clusters[0].reason == ("kept because it has the smallest id of what was left (before c001); 1 other version")


PLAIN = Candidate("m", 400, source="post", date="2019-01-04")


@pytest.mark.parametrize(
    ("other", "winner", "reason"),
    [
        (Candidate("a", 900, "spun", 14.23), "m", "is not spun (a scores 14.2)"),
        (Candidate("a", 900, "suspect", 3.0), "m", "is not spun (a scores 3.0)"),
        (Candidate("a", 900, truncated=True), "m", "is complete (a breaks off)"),
        (Candidate("a", 399), "m", "is the longest (400 words; a has 399)"),
        (Candidate("a", 401), "a", "is the longest (401 words; m has 400)"),
        (Candidate("a", 400), "m", "is the earliest (2019-01-04; a: no date)"),
        (Candidate("a", 400, date="3 Jan 2019"), "a", "is the earliest (3 Jan 2019; m: 2019-01-04)"),
        (Candidate("a", 400, date="4 Jan 2019"), "a", "has the smallest id of what was left (before m)"),
    ],
)
def test_the_first_preference_that_tells_two_apart_decides(other, winner, reason):
    expected = (winner, f"kept because it {reason}; 1 other version")
    assert choose_canonical([PLAIN, other], ChooseSettings()) == expected
    assert choose_canonical([other, PLAIN], ChooseSettings()) == expected


def test_trusted_sources_rank_in_their_order():
    members = [Candidate("a", 900, source="Blog"), Candidate("b", 1, source="wire"), Candidate("c", 1, source="Post")]
    chosen, reason = choose_canonical(members, ChooseSettings(trusted_sources=("post", "wire")))
    assert chosen == "c"
    assert "comes from the trusted source Post (a: Blog)" in reason


def test_preferences_follow_the_settings():
    members = [Candidate("a", 100, date="2020-01-01"), Candidate("b", 50, date="2019-01-01")]
    assert choose_canonical(members, ChooseSettings(prefer=("longest",)))[0] == "a"
    assert choose_canonical(members, ChooseSettings(prefer=("earliest", "longest")))[0] == "b"
    assert choose_canonical(members, ChooseSettings(prefer=()))[0] == "a"


def test_an_unknown_preference_is_an_error_that_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'longest'"):
        choose_canonical([PLAIN], ChooseSettings(prefer=("longst",)))


CANDIDATES = st.builds(
    Candidate,
    id=st.text("abc", min_size=1),
    length=st.integers(1, 3),
    verdict=st.sampled_from(["clean", "suspect", "spun"]),
    truncated=st.booleans(),
    source=st.sampled_from(["", "post", "wire"]),
    date=st.sampled_from(["", "2019-01-04", "5 May 2020"]),
)


@given(st.lists(CANDIDATES, min_size=1, max_size=8, unique_by=lambda c: c.id), st.data())
def test_the_canonical_of_all_is_the_canonical_of_any_part_that_holds_it(members, data):
    preferences = ChooseSettings(trusted_sources=("wire",))
    chosen = choose_canonical(members, preferences)[0]
    part = data.draw(st.lists(st.sampled_from(members), unique=True))
    winner = next(member for member in members if member.id == chosen)
    assert choose_canonical([*[m for m in part if m.id != chosen], winner], preferences)[0] == chosen


@pytest.mark.parametrize(
    "text", ["", "yesterday", "04/05/2019", "2019-13-45", "31 June 2019", "12345", "phone 555-1234", "9999999"]
)
def test_what_is_no_certain_date_is_none(text):
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-01-04", "2019-01-04T00:00:00"),
        ("2019/1/4", "2019-01-04T00:00:00"),
        ("20190104", "2019-01-04T00:00:00"),
        ("2019-01-04T10:05:06.789Z", "2019-01-04T10:05:06"),
        ("2019-01-04T10:05:06+02:00", "2019-01-04T08:05:06"),
        ("2019-01-04 10:05", "2019-01-04T10:05:00"),
        ("20190104T100506Z", "2019-01-04T00:00:00"),
        ("Fri, 04 Jan 2019 23:00:00 -0130", "2019-01-05T00:30:00"),
        ("14Aug2006", "2006-08-14T00:00:00"),
        ("Friday, January 4, 2019", "2019-01-04T00:00:00"),
        ("Jan. 4, 2019, 10:05 p.m.", "2019-01-04T22:05:00"),
        ("4th of January 2019", "2019-01-04T00:00:00"),
        ("Updated 12:30 AM, 4 Sept 2019", "2019-09-04T00:30:00"),
        ("1546596000", "2019-01-04T10:00:00"),
        ("1546596000123", "2019-01-04T10:00:00"),
    ],
)
def test_dates_are_read_as_news_sites_write_them(text, expected):
    assert parse_date(text).isoformat() == expected + "+00:00"


@given(st.text(max_size=40) | st.text("0123456789-/: TZjanuyp.m", max_size=30))
def test_no_text_breaks_the_reading_of_dates(text):
    parse_date(text)
