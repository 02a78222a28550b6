"""Distil the trigrams that the repair weighs wordings by, from the language model of pocketsphinx.

    pip download --no-deps pocketsphinx==5.1.1 && unzip pocketsphinx-*.whl 'pocketsphinx/model/en-us/en-us.lm.bin'
    python benchmarks/distil_trigrams.py pocketsphinx/model/en-us/en-us.lm.bin

Of 2.1 million pairs and 1.7 million triples of general and news US English those are kept that can decide between two wordings:
which hold a word of the tables of rules and synonyms, and whose loss would cost most, by the probability of the triple times
what back-off gets wrong of it (Seymore and Rosenfeld 1996). Written are sixteenths of a nat to rules/en/trigrams.bin. Run it
again when the tables have grown by many new words; the same model and tables give the same bytes.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dedupe.repair.match import expand_rules
from dedupe.repair.synonyms import expand_synonyms
from dedupe.text.lexicon import TRIGRAMS, builtin_rules, load_lexicon
from dedupe.text.trigrams import END, START, UNITS, Columns, pack_trigrams

NOTES = """Trigrams of US English, distilled by benchmarks/distil_trigrams.py from en-us.lm.bin of pocketsphinx 5.1.1.
Copyright (c) 1999-2016 Carnegie Mellon University. All rights reserved. BSD licence: see README.md in the folder rules."""
PAIRS, TRIPLES = 500_000, 500_000  # that are kept, and the pairs which the triples need
NUMBER = "ten"  # stands for all numbers
_MAGIC, _LEVELS = b"Trie Language Model", 1 << 16
_NAT = math.log(1.0001)  # the model counts in logarithms to this base

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Model(NamedTuple):
    """A trigram model: natural logarithms and back-off weights. Pair k is (before[k], word[k]), triple k (further, of pair)."""

    words: list[str]
    log: Floats
    weight: Floats
    word: Numbers
    before: Numbers
    pair_log: Floats
    pair_weight: Floats
    pair: Numbers
    further: Numbers
    triple_log: Floats


def read_model(path: Path) -> Model:
    """The model of a binary file of pocketsphinx: quantised values, then a trie of words, packed bit by bit.

    Raises ValueError for another kind of file.
    """
    data = path.read_bytes()
    at = len(_MAGIC) + 1
    if not data.startswith(_MAGIC) or data[at - 1] != 3:
        raise ValueError(f"{path}: no binary trigram model of pocketsphinx")
    words, pairs, triples, _ = np.frombuffer(data, "<u4", 4, at).tolist()
    at += 16
    levels = np.frombuffer(data, "<f4", 3 * _LEVELS, at).reshape(3, _LEVELS).astype(np.float64) * _NAT
    at += levels.size * 4
    single = np.frombuffer(data, [("log", "<f4"), ("weight", "<f4"), ("next", "<u4")], words + 1, at)
    at += single.nbytes
    word_bits, next_bits = words.bit_length(), triples.bit_length()
    pair_bits, triple_bits = word_bits + 32 + next_bits, word_bits + 16
    middle = np.frombuffer(data, np.uint8, ((1 + pairs) * pair_bits + 7) // 8 + 8, at)
    last = np.frombuffer(data, np.uint8, ((1 + triples) * triple_bits + 7) // 8 + 8, at + middle.size)
    pairs = int(single["next"][words])
    starts = _unpack(middle, pair_bits, word_bits + 32, next_bits, pairs + 1)
    names = data[at + middle.size + last.size + 4 :].decode("ascii").split("\0")
    log = single["log"][:words] * _NAT
    log[names.index(START)] = log[names.index(END)]  # as many; the model gives none
    return Model(
        words=names[:words],
        log=log,
        weight=single["weight"][:words] * _NAT,
        word=np.repeat(np.arange(words), np.diff(single["next"].astype(np.int64))),
        before=_unpack(middle, pair_bits, 0, word_bits, pairs),
        pair_weight=levels[1][_unpack(middle, pair_bits, word_bits, 16, pairs)],
        pair_log=levels[0][_unpack(middle, pair_bits, word_bits + 16, 16, pairs)],
        pair=np.repeat(np.arange(pairs), np.diff(starts)),
        further=_unpack(last, triple_bits, 0, word_bits, int(starts[-1])),
        triple_log=levels[2][_unpack(last, triple_bits, word_bits, 16, int(starts[-1]))],
    )


def _unpack(packed: npt.NDArray[np.uint8], stride: int, offset: int, width: int, count: int) -> Numbers:
    """`count` numbers of `width` bits, the first `offset` bits from the start, `stride` bits apart."""
    bit = np.arange(count, dtype=np.int64) * stride + offset
    value = np.zeros(count, np.uint64)
    for number in range((width + 14) // 8):
        value |= packed[(bit >> 3) + number].astype(np.uint64) << np.uint64(8 * number)
    value >>= (bit & 7).astype(np.uint64)
    return (value & np.uint64((1 << width) - 1)).astype(np.int64)


def gather_words() -> set[str]:
    """The words of all forms and originals of the tables."""
    return {word for text in _texts() for word in re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())}


def _texts() -> Iterator[str]:
    lexicon = load_lexicon()
    for form in expand_rules(lexicon):
        yield from (form.text, *form.originals, *form.participles)
    for spun, original, _ in expand_synonyms(lexicon):
        yield from (spun, original)


def distil(model: Model, known: set[str], pairs: int, triples: int) -> Columns:
    """The columns of the pairs and triples that are worth most, and of the words in them and the known ones."""
    wanted = np.array([word in known for word in model.words])
    word, before, further = model.word[model.pair], model.before[model.pair], model.further
    seen, holds = _find_pairs(model, before, further)
    history_weight = np.where(holds, model.pair_weight[seen], 0.0)
    history_log = model.log[further] + np.where(holds, model.pair_log[seen], model.weight[further] + model.log[before])
    worth = np.exp(history_log + model.triple_log) * np.abs(model.triple_log - history_weight - model.pair_log[model.pair])
    worth[~(wanted[word] | wanted[before] | wanted[further])] = 0.0
    kept_triples = _largest(worth, triples)
    backed_off = model.weight[model.before] + model.log[model.word]
    worth = np.exp(model.log[model.before] + model.pair_log) * np.abs(model.pair_log - backed_off)
    worth[~(wanted[model.word] | wanted[model.before])] = 0.0
    kept_pairs = np.union1d(_largest(worth, pairs), model.pair[kept_triples])
    used = wanted.copy()
    for numbers in (model.word[kept_pairs], model.before[kept_pairs], model.further[kept_triples]):
        used[numbers] = True
    used[[model.words.index(name) for name in (START, END, NUMBER)]] = True
    return _columns(model, np.flatnonzero(used), kept_pairs, kept_triples)


def _find_pairs(model: Model, word: Numbers, before: Numbers) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """The places of the pairs (before, word) in the model, and which of them it holds."""
    keys = model.word * len(model.words) + model.before
    wanted = word * len(model.words) + before
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted


def _largest(worth: Floats, most: int) -> Numbers:
    order = np.argsort(-worth, kind="stable")[:most]
    return np.sort(order[worth[order] > 0])


def _columns(model: Model, words: Numbers, pairs: Numbers, triples: Numbers) -> Columns:
    names = [model.words[number] for number in words.tolist()]
    place = {name: number for number, name in enumerate(sorted(names))}
    order = np.array([place[name] for name in names])  # of the words kept, in the order of the model, their places here
    by_name = np.argsort(order)
    number = np.full(len(model.words), -1)
    number[words] = order
    pair_keys = number[model.word[pairs]] * len(names) + number[model.before[pairs]]
    pairs = pairs[np.argsort(pair_keys)]
    pair_place = np.full(len(model.word), -1)
    pair_place[pairs] = np.arange(len(pairs))
    triple_keys = pair_place[model.pair[triples]] * len(names) + number[model.further[triples]]
    triples = triples[np.argsort(triple_keys)]
    return Columns(
        words=sorted(names),
        cost=_costs(model.log[words][by_name]),
        weight=_weights(model.weight[words][by_name]),
        pairs=np.bincount(number[model.word[pairs]], minlength=len(names)).astype(np.uint16),
        before=number[model.before[pairs]].astype(np.uint16),
        pair_cost=_costs(model.pair_log[pairs]),
        pair_weight=_weights(model.pair_weight[pairs]),
        triples=np.bincount(pair_place[model.pair[triples]], minlength=len(pairs)).astype(np.uint16),
        further=number[model.further[triples]].astype(np.uint16),
        triple_cost=_costs(model.triple_log[triples]),
    )


def _costs(logs: Floats) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(-logs * UNITS), 0, 255).astype(np.uint8)


def _weights(logs: Floats) -> npt.NDArray[np.int8]:
    return np.clip(np.rint(logs * UNITS), -127, 127).astype(np.int8)


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="en-us.lm.bin of pocketsphinx")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs to keep (default {PAIRS:,})")
    parser.add_argument("--triples", type=int, default=TRIPLES, help=f"triples to keep (default {TRIPLES:,})")
    parser.add_argument("-o", "--output", type=Path, default=Path(str(builtin_rules() / "en" / TRIGRAMS)))
    arguments = parser.parse_args()
    columns = distil(read_model(arguments.model), gather_words(), arguments.pairs, arguments.triples)
    packed = pack_trigrams(columns, NOTES)
    arguments.output.write_bytes(packed)
    print(
        f"{len(columns.words):,} words, {len(columns.before):,} pairs, {len(columns.further):,} triples: {len(packed):,} bytes"
    )


if __name__ == "__main__":
    main()
