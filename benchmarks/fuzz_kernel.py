"""Fuzzes the compiled kernel under AddressSanitizer and UndefinedBehaviorSanitizer.

    python benchmarks/fuzz_kernel.py [--seconds 60] [--seed 1]

The kernel is built with both sanitizers (gcc) in a temporary folder, as it is, without AVX-512, and with its plain loops only,
each for a third of the time. It is called with random texts, whose results are compared with those of NumPy, and with
random and broken arrays, which must be refused or answered. The first wrong access, overflow or difference ends the run
with a report. It needs a C compiler and Python's headers, and does not touch the installed kernel.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INSIDE = "DEDUPE_FUZZ_KERNEL"
ALPHABETS = (
    "ab \n",
    "aB9'’_.-",
    "Ab Cd 9, ;.\u00a0(“É",
    "éßİΣﬁ…½ﷺ",
    "e\u0301\u1100\u1161ा",
    "東カก\u200d\ufe0f",
    "\U0001f600\U000e0101\ud800\U0010ffff",
)


def build(folder: Path, *flags: str) -> None:
    command = ["gcc", *flags, "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared", "-fPIC"]
    include = f"-I{sysconfig.get_paths()['include']}"
    target = str(folder / "_kernel.abi3.so")
    subprocess.run([*command, include, str(ROOT / "dedupe/csrc/kernel.c"), "-o", target], check=True)


def run_sanitized(folder: Path, arguments: list[str]) -> int:
    """This script again, with the sanitizers loaded before Python; leaks are Python's own, and not looked for."""
    names = ("libasan.so", "libubsan.so")
    libraries = [subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip() for name in names]
    environment = {
        **os.environ,
        INSIDE: str(folder),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run([sys.executable, __file__, *arguments], env=environment).returncode


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("dedupe._kernel", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_text(chooser: random.Random) -> str:
    alphabet = "".join(chooser.sample(ALPHABETS, chooser.randint(1, 3)))
    if not chooser.randrange(4):
        alphabet += "".join(chr(chooser.randrange(0x110000)) for _ in range(8))
    return "".join(chooser.choices(alphabet, k=int(chooser.expovariate(1 / 200))))


def make_line(chooser: random.Random) -> bytes:
    """Lines of JSON, bytes of which are changed, dropped or doubled."""
    record = {"id": chooser.randrange(99), "text": make_text(chooser), "x": [None, {"y": 1.5e3, "é": True}]}
    line = bytearray(2 * (json.dumps(record, ensure_ascii=chooser.random() < 0.5) + "\n").encode("utf-8", "surrogatepass"))
    for _ in range(chooser.randrange(4)):
        place = chooser.randrange(len(line))
        line[place : place + chooser.randrange(3)] = bytes(
            chooser.choices(b'"\\{}[],:u0e.-\n\xff\xc3x', k=chooser.randrange(3))
        )
    return bytes(line)


def fuzz(kernel: Any, seconds: float, seed: int) -> int:
    """The number of batches tried; raises at the first difference."""
    import numpy as np

    import dedupe.kernel
    from dedupe.config import FindSettings
    from dedupe.detect.align import align_pairs
    from dedupe.detect.boilerplate import _find_repeated, make_boilerplate
    from dedupe.detect.buckets import gather_buckets, pair_up
    from dedupe.detect.columns import chain_sizes, encode_values, find_spread, take_rows
    from dedupe.detect.despun import DespunNumbers, measure_despun
    from dedupe.detect.profile import profile_texts
    from dedupe.detect.shingles import hash_in_order
    from dedupe.detect.stories import link_stories
    from dedupe.detect.templates import _count_shared
    from dedupe.detect.terms import extract_terms, spell_terms
    from dedupe.detect.verify import count_both
    from dedupe.repair.endings import find_truncated
    from dedupe.repair.outline import find_outline
    from dedupe.repair.shape import find_shapes
    from dedupe.repair.sieve import Sieve
    from dedupe.repair.variants import flag_variants
    from dedupe.text.lexicon import load_classes
    from dedupe.text.locate import locate_words
    from dedupe.text.normal import tokenize
    from dedupe.text.words import count_each

    classes, settings, near_only = load_classes("en"), FindSettings(), FindSettings(kinds=("exact", "near"))
    sieve = Sieve([*(form for forms in classes.classes[:300] for form in forms), "the end of a", "of the 9", "ab é"])
    words = [form for forms in classes.classes[:300] for form in forms] + ["the", "of", "a", "9"]
    chooser, tried, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        texts = [make_text(chooser) for _ in range(chooser.randint(0, 6))]
        texts += [" ".join(chooser.choices(words, k=chooser.randint(0, 60))) for _ in range(2)]
        pairs = np.random.default_rng(chooser.randrange(2**32)).integers(0, len(texts), (2, 8))
        pairs[0].sort()
        results = []
        for used in (kernel, None):
            dedupe.kernel._COMPILED = used
            profiles = profile_texts(texts, settings, classes)
            despun = profiles.despun
            assert despun
            columns = [getattr(profiles, name) for name in profiles.__slots__ if name != "despun"]
            columns += [despun.keys, *(getattr(despun.tokens, name) for name in despun.tokens.__slots__)]
            at_once = profile_texts(texts, near_only)
            columns += [getattr(at_once, name) for name in at_once.__slots__ if name != "despun"]
            terms = extract_terms(texts)
            rows = np.arange(len(texts))
            columns += [take_rows(terms.terms, terms.offsets, rows[::2]), find_spread(terms.contexts, terms.bounds, 2)]
            columns += encode_values(terms.terms)
            columns += [count_each(texts), find_truncated(texts)]
            columns += gather_buckets(profiles.hashes.astype(np.uint64))
            columns.append(pair_up(*columns[-2:]))
            columns += [_count_shared([f" {' '.join(text.split())} " for text in (*texts[-2:], texts[-1][::2])])]
            wanted = [terms.terms[::3].tolist()] * len(texts)
            columns += [sorted(spelled.items()) for spelled in spell_terms(texts, wanted)]
            columns += [[*map(str, link_stories(terms, rows, np.full(len(rows), np.nan), 3))]]
            columns += [getattr(terms, name) for name in terms.__slots__]
            left_out = make_boilerplate(profiles.hashes[: profiles.offsets[1]], *(np.empty(0, np.int64),) * 3)
            results.append([*columns, *count_both(profiles.hashes, profiles.offsets, *pairs, left_out)])
            results[-1] += [getattr(measure_despun(despun.tokens, *pairs), name) for name in DespunNumbers.__slots__]
            ordered, counts = hash_in_order(tokenize(texts), 2)
            runs = list(align_pairs(ordered, chain_sizes(counts), *pairs, 2, 3))
            short = [text[:40] for text in texts[:2]]  # without the kernel it takes long
            bounds = tokenize(short).documents
            asked = np.arange(bounds[-1]) - np.repeat(bounds[:-1], np.diff(bounds))
            results[-1] += [*runs, *locate_words(short, asked, bounds)]
            results[-1].append(_find_repeated(profiles.hashes, 1).hashes)
            results[-1] += [sorted(sieve.find_possible(text)) for text in texts]
            results[-1] += [list(flag_variants(text, "text")) for text in texts]
            results[-1] += [find_outline(text) for text in texts]
            assert all(find_shapes(text) >= 0 for text in texts)
        if not all(np.array_equal(fast, slow) for fast, slow in zip(*results, strict=True)):
            raise SystemExit(f"the kernel differs from NumPy for {texts!r}")
        for name in (
            "xxh32_spans",
            "collect",
            "sign",
            "winnow",
            "count_shared",
            "band_keys",
            "despin",
            "file_words",
            "find_forms",
            "weigh_forms",
            "shapes",
            "outline",
            "spellings",
            "tokenize",
            "combining",
            "shingle",
            "profile",
            "gather",
            "pair_up",
            "count_each",
            "may_end_in",
            "count_equal",
            "count_words",
            "read_lines",
            "count_despun",
            "align",
            "count_marked",
            "locate",
            "frequent",
            "terms",
            "take_rows",
            "spread",
            "encode",
            "weigh_texts",
            "compare_terms",
            "find_evidence",
            "match_words",
            "digest",
            "sign_classes",
            "sieve_words",
        ):
            with contextlib.suppress(ValueError, TypeError, BufferError, OverflowError, MemoryError):
                getattr(kernel, name)(*break_arguments(name, chooser))
        tried += 1
    return tried


def break_arguments(name: str, chooser: random.Random) -> list[Any]:
    """Arguments of the right kinds whose sizes and numbers are mostly wrong."""
    import numpy as np

    random_bytes = np.random.default_rng(chooser.randrange(2**32))

    def array() -> Any:
        size = chooser.choice((0, 1, 2, 4, 8))
        wild = not chooser.randrange(3)
        numbers = random_bytes.integers(-(2**62), 2**62, size) if wild else np.sort(random_bytes.integers(0, 9, size))
        kinds = (np.int64, np.uint32, np.uint8)
        return numbers.astype(chooser.choice(kinds)) if chooser.randrange(2) else numbers

    def number() -> int:
        return chooser.choice((-1, 0, 1, 2, 3, 18, 2**31, 2**62))

    def make_texts() -> tuple[Any, ...]:
        ready = (make_text(chooser), b"ASCII words", bytearray(b"folded words"), random_bytes.bytes(9), "é".encode())
        return tuple(chooser.choice((*ready, *(7,) * (not chooser.randrange(9)))) for _ in range(3))

    if name == "locate":
        forms = {chooser.choice((0, 1, 0x10FF)): random_bytes.bytes(chooser.choice((0, 600)))}
        bounds = chooser.choice(([0, 1, 2, 4], [0, 0, 4, 4], [0, 3, 2, 4], [0, 9]))
        asked = np.sort(random_bytes.integers(0, 6, 4)) - chooser.randrange(2)
        return [make_texts(), chooser.choice(({}, forms)), asked, np.array(bounds), *np.empty((2, 4), np.int64)]
    if name == "terms":
        kinds = {chooser.choice((0, 0, 1, 0x10FF, -1)): random_bytes.bytes(chooser.choice((256, 256, 0, 257)))}
        return [make_texts(), make_texts(), chooser.choice(({}, {}, {1: random_bytes.bytes(600)})), kinds]
    if name == "sieve_words":
        text = chooser.choice((make_text(chooser), make_text(chooser), b"bytes"))
        return [text, array(), {chooser.choice((0, 0, 1, -1)): random_bytes.bytes(chooser.choice((256, 256, 255)))}]
    if name == "match_words":
        return [make_texts(), chooser.choice((0, 1, 2, 2, 2**40))]
    if name in {"tokenize", "combining"}:
        return [make_texts(), {chooser.choice((0, 1, 0x10FF, -1, 0x1100)): random_bytes.bytes(chooser.choice((0, 514, 600)))}]
    if name == "profile":
        sizes = [chooser.choice((size, size, size, 0)) for size in (4, 4)]
        a, b = (random_bytes.integers(0, 2**32, size, np.uint32) for size in sizes)
        columns = (np.empty(48, np.uint8), np.empty(3, np.int64), np.empty(4, np.int64), np.empty(12, np.uint32))
        return [make_texts(), {}, number(), a, b, *(chooser.choice((column, column, column[1:])) for column in columns)]
    if name == "read_lines":
        lines = chooser.choice((make_line(chooser), random_bytes.bytes(chooser.randrange(40))))
        return [lines, number(), chooser.choice(((b"text", b"id"), (b"id",), (), (b"",) * 17, ("text",)))]
    if name == "count_each":
        return [make_texts(), np.empty(chooser.choice((3, 3, 2)), np.int64)]
    if name == "may_end_in":
        endings = tuple(random_bytes.bytes(chooser.randrange(4)) for _ in range(chooser.choice((0, 3, 300))))
        return [make_texts(), endings, np.empty(chooser.choice((3, 3, 2)), np.uint8)]
    if name == "count_words":
        return [chooser.choice((make_text(chooser), b"bytes", 7))]
    kinds = {"winnow": "aaanaa", "band_keys": "annnna", "despin": "a" * 12, "count_shared": "a" * 8, "sign": "a" * 5}
    kinds |= {"file_words": "taaa", "find_forms": "tn" + "a" * 9, "shapes": "taaatnn", "spellings": "taa"}
    kinds |= {"weigh_forms": "aaan", "outline": "t"}
    kinds |= {"gather": "a", "pair_up": "aaa", "count_equal": "aannaaa", "shingle": "aaaanaa"}
    kinds |= {"take_rows": "anaaa", "spread": "aana", "encode": "aa", "digest": "aaaa", "sign_classes": "a" * 5}
    kinds |= {"weigh_texts": "a" * 9, "compare_terms": "a" * 9, "find_evidence": "a" * 11}
    fitting = {"take_rows", "spread", "weigh_texts", "compare_terms", "find_evidence", "despin", "sign_classes"}
    if name in fitting and chooser.randrange(8):
        return break_index_arguments(name, chooser, random_bytes)
    kinds |= {"count_despun": "a" * 6, "align": "aaaann", "count_marked": "a" * 5, "frequent": "annn"}
    if name in {"count_shared", "count_despun", "align", "count_marked"} and chooser.randrange(4):
        return break_row_arguments(name, random_bytes)
    if name in {"find_forms", "weigh_forms", "shapes", "outline", "spellings"} and chooser.randrange(8):
        return break_text_arguments(name, chooser, random_bytes)
    make = {"a": array, "n": number, "t": lambda: random_bytes.bytes(chooser.randrange(40))}
    return [make[kind]() for kind in kinds.get(name, "aaaa")]


def break_row_arguments(name: str, random_bytes: Any) -> list[Any]:
    """Arguments whose sizes fit each other: offsets may lead astray, and what should ascend does not."""
    import numpy as np

    def numbers(kind: Any, size: int, top: int) -> Any:
        return random_bytes.integers(0, top, size).astype(kind)

    pairs, values = 6, numbers(np.uint32, 40, random_bytes.choice([4, 2**32]))
    offsets, (a, b) = np.sort(numbers(np.int64, 5, 42)), numbers(np.int64, 2 * pairs, 5).reshape(2, pairs)
    a.sort()
    results = np.empty((3, pairs), np.int64)
    if name == "count_marked":
        return [numbers(np.uint8, 40, 2), a, b, numbers(np.int64, pairs, 44), results[0]]
    if name == "align":
        return [values, offsets, a, b, int(random_bytes.integers(0, 4)), int(random_bytes.integers(0, 9))]
    if name == "count_despun":
        return [values, offsets, a, b, *results[:2]]
    return [values, offsets, a, b, numbers(np.uint8, 16, 2), values[:9].copy(), *results[:2]]


def break_index_arguments(name: str, chooser: random.Random, random_bytes: Any) -> list[Any]:
    """Arguments whose sizes fit each other: texts of some terms, of which numbers may lie out of range."""
    import numpy as np

    def numbers(kind: Any, size: int, top: int) -> Any:
        return random_bytes.integers(0, top, size).astype(kind)

    texts, places, terms, pairs = 3, chooser.choice((0, 20)), 5, chooser.choice((0, 4))
    offsets, bounds = (np.sort([0, *random_bytes.integers(0, places + 1, texts - 1), places]) for _ in range(2))
    offsets[chooser.randrange(texts + 1)] += chooser.choice((0, 0, 0, 1, -1))
    codes, hashes = numbers(np.uint32, places, chooser.choice((terms, terms, terms + 1))), numbers(np.uint32, terms, 4)
    rows = [numbers(np.int64, pairs, texts + (not chooser.randrange(4))) for _ in range(2)]
    flags = [numbers(np.uint8, terms, 2) for _ in range(3)]
    if name == "take_rows":
        taken = np.empty(chooser.choice((places, int(np.diff(offsets)[rows[0] % texts].sum()))), np.uint32)
        return [codes, 4, offsets, rows[0], taken]
    if name == "spread":
        return [codes, offsets, chooser.choice((1, 2, 3, 256)), np.zeros(places, np.uint8)]
    if name == "weigh_texts":
        tables = [*flags, random_bytes.random(terms), np.empty(places, np.uint8), np.empty(3 * texts)]
        return [codes, offsets, numbers(np.uint8, texts, 2), *tables]
    if name == "sign_classes":
        return [codes, offsets, *(numbers(np.uint32, 8, 2**32) for _ in range(2)), np.empty(8 * texts, np.uint16)]
    if name == "despin":
        lookups = [np.full(1 << 14, 255, np.uint8), numbers(np.uint64, 2 * chooser.choice((1, 4, 5)), 9) << np.uint64(32)]
        spans = np.arange(places), np.arange(places) + chooser.choice((0, 1, 9))
        sizes = (places, np.uint32), (places, np.uint32), (texts + 1, np.int64), (texts, np.int64)
        outputs = [np.empty(size, kind) for size, kind in sizes]
        return [random_bytes.bytes(places + 8), *spans, offsets, *lookups, *lookups, *outputs]
    index = [codes, offsets, numbers(np.uint8, places, 2), flags[0]]
    if name == "compare_terms":
        return [*index, random_bytes.random(terms), random_bytes.random(terms), *rows, np.empty(5 * pairs)]
    return [*index, hashes, codes % 4, codes[::-1].copy(), bounds, *rows, np.empty(pairs, np.int64)]


def break_text_arguments(name: str, chooser: random.Random, random_bytes: Any) -> list[Any]:
    """Arguments whose sizes fit each other, so that the text is read: it is no UTF-8, or the tables lead astray."""
    import numpy as np

    raw = random_bytes.bytes(chooser.randrange(60))
    text = chooser.choice((raw, make_text(chooser).encode("utf-8", "surrogatepass"), raw + b"Ab\xe2\x80", b"ab cd ab " + raw))

    def numbers(kind: Any, size: int, top: int) -> Any:
        return random_bytes.integers(0, top, size).astype(kind)

    if name == "shapes":
        tables = [numbers(np.uint8, 256, 256), numbers(np.uint32, 4096, 2**32), numbers(np.uint16, 0x2101, 2**16)]
        return [text + b" ab ab ", *tables, chooser.choice((b"", b" ", b" ab cd ", raw)), 1, 2]
    if name == "outline":
        return [raw.replace(b"a", b"\n") + text]
    if name == "weigh_forms":
        return [numbers(np.int32, 9, chooser.choice((4, 5))), random_bytes.random(4), numbers(np.uint8, 4, 2), 0.5]
    if name == "spellings":
        return [text, numbers(np.uint8, 0x2100, 2), random_bytes.bytes(3 * chooser.randrange(4))]
    keys, forms = chooser.randint(1, 4), chooser.randint(0, 4)
    wild = chooser.choice((2, 5, 2**31))
    lists = [numbers(np.int32, size, wild) for size in (forms + 1, 4, forms + 1)]
    for starts in (lists[0], lists[2]):
        starts.sort()
    entries = numbers(np.uint64, 2 * keys, 9) << np.uint64(chooser.choice((0, 32, 48)))
    tables = [entries, np.zeros(8, np.uint32), np.zeros(8, np.uint8)]
    if chooser.randrange(2):
        tables[1][:], tables[2][:] = numbers(np.uint32, 8, 6), 255
    folds = [numbers(np.uint16, 0x2100, 2**16), numbers(np.uint8, 1024, 2)]
    return [text, chooser.randrange(2), *folds, *tables, *lists, random_bytes.bytes(8)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if INSIDE in os.environ:
        tried = fuzz(load(Path(os.environ[INSIDE]) / "_kernel.abi3.so"), options.seconds, options.seed)
        print(f"{tried} batches, no wrong access, no difference")
        return
    failed = 0
    for flags in ((), ("-DNO_AVX512",), ("-DPLAIN_LOOPS",)):
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder), *flags)
            failed |= run_sanitized(Path(folder), ["--seconds", str(options.seconds / 3), "--seed", str(options.seed)])
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
