"""Templates: many pages with one frame and other names or sums in the same slots. They are linked and all kept.

    shingles of many texts → groups that share such a frame → alignment of some members → slots → does the residue fit?

Weather reports, court notices and earnings tables pass for near-duplicates, yet each says something of its own. What
tells them from edited copies of one text is where they differ: pages of a template differ from most others in the *same*
few places, by a few words each; an edited copy differs where its editor was, and there all others agree.

A text's frame is the part of its shingles that at least _FEWEST texts hold. Slots break the shingles around them, but they
do so in every page alike: so pages that share a third of their shingles still share all of their frame.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedupe.detect.columns import chain_sizes, find_spread, take_rows
from dedupe.detect.lsh import find_candidates
from dedupe.detect.minhash import draw_permutations, sign_sets
from dedupe.detect.profile import Profiles
from dedupe.detect.verify import measure_pairs
from dedupe.kernel import compiled_kernel

_FEWEST = 4  # pages that make a template
# Of a text with more shingles than _SHORT one in _SAMPLE, a power of two, stands for all. A frame has at least this many, and
# makes up this part of a text: slots that stand close leave few shingles whole.
_SHORT, _SAMPLE, _SMALLEST_FRAME, _FRAME_SHARE = 256, 4, 4, 0.1
# Frames that have this much in common may be one, values that recur among many pages being part of what differs; where
# pages linked so loosely turn out to be no template, those linked more closely are tried.
_LEVELS = (0.25, 0.5, 0.8)
_PERMUTATIONS, _BANDS, _ROWS = 32, 16, 2
# Members aligned to learn the frame, words of each looked at, and the part of them that must share a frame word. A frame
# comes in runs of so many words, has that many, and is this part of its pages.
_ALIGNED, _WORDS, _AGREEING = 24, 1500, 0.8
_BLOCK_WORDS, _FRAME_WORDS, _FRAME_PART = 2, 12, 0.4
# A slot holds at most so many words in most members, and in at most half of them the same.
_SLOT_WORDS, _MODAL_SHARE, _DISTINCT = 24, 0.5, 3
# A template has this many slots that are not within _EDGE of its ends. They hold words rather than figures, or so much of
# the text, or are twice as many; and they hold this much of all in which its pages differ.
_SLOTS, _EDGE, _SLOT_SHARE, _RESIDUE_SHARE = 3, 0.08, 0.02, 0.5
# Of a series of so many pages fewer slots will do, if these hold short names and figures, other ones in nearly every page.
_SERIES, _SERIES_SLOTS, _SERIES_WORDS, _SERIES_SHARE = 8, 2, 6, 0.8
# Characters behind a block in which the next is looked for, besides its own length squared.
_REACH = 200
# Two pages that agree in so many of the slots are versions of one page: a joint release has a heading of its own.
_SAME_PAGE, _FEW_SLOTS = 0.6, 4  # of few slots all must agree

# Rows whose shingles are sampled at once: few enough for the nearer caches.
_ROWS_TOGETHER = 256

_Hashes = npt.NDArray[np.uint32]
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the pages of a template share: runs of words in their order, joined by spaces; and which of the gaps before,
    between and after them are slots."""

    blocks: tuple[str, ...]
    slots: tuple[int, ...]

    def read(self, text: str) -> tuple[str, ...] | None:
        """What stands in each slot of a text, or None if it does not have most of the frame."""
        reading = _read_gaps(_spell(text), self.blocks)
        return tuple(reading[0][slot] for slot in self.slots) if reading else None


def propose_templates(profiles: Profiles, rows: _Rows, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Groups of rows that may be pages of one template: texts that share a frame, or are paired. Each group comes in the order
    of `rows`; loosely linked ones come before the closer ones that they fall into, to be tried where they are no template.

    rows: int64, the texts to look at, one of each set of identical ones; pairs: those of them known to be alike. Takes time
    and memory in proportion to the shingles.
    """
    sizes = profiles.offsets[rows + 1] - profiles.offsets[rows]
    found = [(pair, 1.0) for pair in pairs]
    for chosen, sample in ((rows[sizes <= _SHORT], 1), (rows, _SAMPLE)):
        a, b, jaccard = _pair_frames(profiles, chosen, sample)
        found += zip(zip(a.tolist(), b.tolist(), strict=True), jaccard.tolist(), strict=True)
    groups = (_connect(rows.tolist(), [pair for pair, jaccard in found if jaccard >= level]) for level in _LEVELS)
    return list({tuple(group): group for level in groups for group in level}.values())


def choose_sample(group: Sequence[int]) -> list[int]:
    """The members of a group that are aligned: evenly spread over it."""
    count = min(len(group), _ALIGNED)
    return [group[i * len(group) // count] for i in range(count)]


def learn_frame(texts: Sequence[str]) -> Frame | None:
    """The frame of some texts, if they are pages of one template; None if they differ in another way.

    >>> row = "The house at {} is for sale at {} and has {} rooms, says {} of the county housing office, who shows it today."
    >>> houses = [("3 Mill Lane", "$240,000", "five", "Ada Brandt"), ("19 High Road", "$98,500", "three", "Tom Weir")]
    >>> houses += [("7 Dock Street", "$310,000", "six", "Karin Holt"), ("52 Elm Walk", "$175,900", "four", "Paul Ames")]
    >>> frame = learn_frame([row.format(*house) for house in houses])
    >>> frame.read(row.format("1 Bay View", "$1", "no", "Nobody Much"))
    ('1 Bay View', '$1', 'no', 'Nobody Much')
    """
    spelled = [_spell(text) for text in texts]
    if len(spelled) < _FEWEST:
        return None
    blocks = _find_blocks(spelled)
    words = sum(len(block.split()) for block in blocks)
    total = sum(len(text.split()) for text in spelled)
    if words < max(_FRAME_WORDS, _FRAME_PART * total / len(spelled)):
        return None
    readings = [found for text in spelled if (found := _read_gaps(text, blocks)) is not None]
    if len(readings) < max(_FEWEST, _AGREEING * len(spelled)):
        return None
    columns = list(zip(*(gaps for gaps, _ in readings), strict=True))
    slots = tuple(slot for slot, values in enumerate(columns) if _is_slot(values))
    inside = sum(len(value.split()) for slot in slots for value in columns[slot])
    strayed = sum(stray for _, stray in readings)
    residue = inside + strayed + sum(_count_deviation(values) for slot, values in enumerate(columns) if slot not in slots)
    inner = [slot for slot in slots if _is_inner(slot, blocks)]
    named = [slot for slot in inner if sum(any(map(str.isalpha, value)) for value in columns[slot]) >= len(readings) / 2]
    weighty = inside >= _SLOT_SHARE * total or len(inner) >= 2 * _SLOTS
    filled = len(inner) >= _SLOTS and (weighty or len(named) >= _SLOTS)
    is_template = filled or _is_series([columns[slot] for slot in inner])
    return Frame(tuple(blocks), slots) if is_template and inside >= _RESIDUE_SHARE * residue else None


def is_same_page(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether two pages of a template, given by what stands in their slots, are versions of one.

    >>> is_same_page(("Velsing", "14", "rain"), ("Velsing", "14", "Rain")), is_same_page(("Velsing", "14"), ("Velsing", "9"))
    (True, False)
    """
    alike = sum(a.casefold() == b.casefold() for a, b in zip(one, two, strict=True))
    return alike >= (_SAME_PAGE if len(one) > _FEW_SLOTS else 1) * len(one)


def _connect(rows: Sequence[int], pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The connected groups that are large enough, in the order of the rows."""
    parent = {row: row for row in rows}

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b in pairs:
        parent[find(b)] = find(a)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        groups[find(row)].append(row)
    return [group for group in groups.values() if len(group) >= _FEWEST]


def _pair_frames(profiles: Profiles, rows: _Rows, sample: int) -> tuple[_Rows, _Rows, npt.NDArray[np.float64]]:
    """Pairs of rows whose frames are alike, and how much; one in `sample` shingles is looked at."""
    hashes, offsets = _sample_hashes(profiles, rows, sample)
    frequent = find_spread(hashes, offsets, _FEWEST)
    sizes, frame_sizes = np.diff(offsets), np.diff(np.searchsorted(np.flatnonzero(frequent), offsets))
    framed = (frame_sizes >= _SMALLEST_FRAME) & (frame_sizes >= _FRAME_SHARE * sizes)
    if not framed.any():
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    hashes, offsets = hashes[frequent & np.repeat(framed, sizes)], chain_sizes(frame_sizes[framed])
    signatures = sign_sets(hashes, offsets, *draw_permutations(_PERMUTATIONS, 1))
    candidates = find_candidates(signatures, _BANDS, _ROWS)
    jaccard, _ = measure_pairs(hashes, offsets, candidates.a, candidates.b)
    alike = jaccard >= _LEVELS[0]
    which = rows[framed]
    return which[candidates.a[alike]], which[candidates.b[alike]], jaccard[alike]


def _sample_hashes(profiles: Profiles, rows: _Rows, sample: int) -> tuple[_Hashes, _Rows]:
    """The shingles of some rows, or one in `sample` of them, and the offsets of the rows among them."""
    parts, counts = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
    sizes = np.diff(profiles.offsets)
    for low in range(0, len(rows), _ROWS_TOGETHER):
        some = rows[low : low + _ROWS_TOGETHER]
        hashes, offsets = take_rows(profiles.hashes, profiles.offsets, some), chain_sizes(sizes[some])
        sampled = np.flatnonzero(hashes & np.uint32(sample - 1) == 0)
        parts.append(hashes[sampled])
        counts.append(np.diff(np.searchsorted(sampled, offsets)))
    return np.concatenate(parts), chain_sizes(np.concatenate(counts))


def _spell(text: str) -> str:
    """The first words of a text as they are written, each between two spaces."""
    return f" {' '.join(text.split()[:_WORDS])} "


def _find_blocks(spelled: Sequence[str]) -> list[str]:
    """The runs of words of the first text that most others have too, in this order; as strings between spaces."""
    words = spelled[0].split()
    frame = _count_shared(spelled) >= _AGREEING * (len(spelled) - 1)
    edges = np.flatnonzero(np.diff(frame, prepend=False, append=False)).tolist()
    runs = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start >= _BLOCK_WORDS]
    return [f" {' '.join(words[start:end])} " for start, end in runs]


def _count_shared(spelled: Sequence[str]) -> _Rows:
    """For each word of the first text how many of the others have it in a run of words that matches."""
    kernel = compiled_kernel()
    counts = kernel.match_words(tuple(spelled), _BLOCK_WORDS) if kernel else None
    if counts is not None:
        return np.frombuffer(counts, np.int64)
    words = spelled[0].split()
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(words)
    shared = np.zeros(len(words), np.int64)
    for other in spelled[1:]:
        matcher.set_seq1(other.split())
        for _, start, size in matcher.get_matching_blocks():
            if size >= _BLOCK_WORDS:
                shared[start : start + size] += 1
    return shared


def _read_gaps(spelled: str, blocks: Sequence[str]) -> tuple[list[str], int] | None:
    """What stands before, between and after the blocks, found from left to right, and how many words stray from the blocks
    themselves; None if most of the frame is missing. A block that is missing belongs to the gap around it."""
    gaps: list[str] = []
    at = missing = strayed = total = 0
    for block in blocks:
        places, lost = _find_block(spelled, block, at)
        total += len(block)
        missing += lost
        if not places:
            gaps.append("")
            continue
        gaps.append(spelled[at : places[0][0]].strip())
        strayed += sum(len(spelled[end:start].split()) for (_, end), (start, _) in itertools.pairwise(places))
        at = places[-1][1]
    gaps.append(spelled[at:].strip())
    return None if missing > (1 - _AGREEING) * total else (gaps, strayed)


def _find_block(spelled: str, block: str, at: int) -> tuple[list[tuple[int, int]], int]:
    """Where a block stands from `at` on, in pieces if it was edited, and how many of its characters were not found.

    The longer a piece, the further away it may be: the words "of the" are found everywhere.
    """
    # The space before a block may be the one behind the last.
    place = spelled.find(block, max(0, at - 1), at + _REACH + len(block) ** 2)
    if place >= 0:
        return [(place, place + len(block))], 0
    words = block.split()
    if len(words) < 2 * _BLOCK_WORDS:
        return [], len(block)
    half = len(words) // 2
    found, lost = [], 0
    for part in (words[:half], words[half:]):
        places, missing = _find_block(spelled, f" {' '.join(part)} ", at)
        found += places
        lost += missing
        at = found[-1][1] if found else at
    return found, lost


def _is_inner(slot: int, blocks: Sequence[str]) -> bool:
    """Whether enough of the frame lies on both sides of a gap: counters and bylines stand at the edges."""
    before, total = sum(map(len, blocks[:slot])), sum(map(len, blocks))
    return _EDGE * total <= before <= (1 - _EDGE) * total


def _is_slot(values: Sequence[str]) -> bool:
    counts = Counter(values)
    lengths = sorted(len(value.split()) for value in values)
    short = 1 <= lengths[len(lengths) // 2] <= _SLOT_WORDS
    return short and len(counts) >= _DISTINCT and max(counts.values()) <= _MODAL_SHARE * len(values)


def _is_series(columns: Sequence[Sequence[str]]) -> bool:
    """Whether many pages differ in short names and figures, nearly each from all others."""
    telling = [values for values in columns if all(map(_is_telling, values))]
    pages = list(zip(*telling, strict=True))
    return len(telling) >= _SERIES_SLOTS and len(pages) >= _SERIES and len(set(pages)) >= _SERIES_SHARE * len(pages)


def _is_telling(value: str) -> bool:
    """Whether a value is a short name or figure: with a capital, a digit, or a letter of a script that has no case."""
    return len(value.split()) <= _SERIES_WORDS and re.search(r"[^\W_a-z]", value) is not None


def _count_deviation(values: Sequence[str]) -> int:
    """The words of the values that are not the most frequent one."""
    most = max(Counter(values).items(), key=lambda item: (item[1], item[0]))[0]
    return sum(len(value.split()) for value in values if value != most)
