"""Parquet: rows in, rows out, schema and metadata kept. The only file that imports pyarrow.

A row travels as a JSON line, for people and for the parts that read text; it need not hold every type exactly, because the
input file itself is kept beside the corpus. Of the survivors a new file is made from the input's own rows: only repaired
strings differ.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from dedupe.corpus.extras import require
from dedupe.corpus.record import Piece, oversize
from dedupe.errors import InputError, UsageError

_PART = 1 << 20  # bytes of a row above the limit that travel together
_ROWS = 8  # in a batch: what a page holds in a few bytes, a dictionary or a codec may unfold to whole rows
_BATCH = 32 << 20  # bytes in a batch, by the average of its row group
_ROW_GROUP = 64 << 20  # bytes gathered before a row group is written


class Sink(Protocol):
    """Where a file is written to: `staging.Output`."""

    def write(self, content: bytes) -> None: ...


def split_rows(path: Path, limit: int) -> Iterator[Piece]:
    """The rows of a Parquet file as JSON lines, between an empty head and an empty tail.

    Binary values are base64, dates and decimals strings. A row whose line is above `limit` comes in pieces; the rows of a row
    group whose average is above it are not decoded at all. Raises InputError for a damaged file, UsageError without pyarrow.
    """
    yield Piece(b"", "head")
    with _reading(path) as file:
        number = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if _row_size(file, group) > limit:
                yield from (Piece(b'{"row": %d}\n' % at, "record", oversize(limit)) for at in range(number, number + rows))
            else:
                for batch in _batches(file, group):
                    for line, error in _lines(batch):
                        yield from _cut(line, error, limit)
            number += rows
    yield Piece(b"", "tail")


class RowCopier:
    """Copies chosen rows of a Parquet file to another one of the same schema, metadata and codecs.

    Row groups stay apart. `write` takes row numbers in ascending order.
    """

    def __init__(self, source: Path, sink: Sink) -> None:
        self._source = source
        with _faults(source):
            self._file = _open(source)
            sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
            self._starts = [0, *accumulate(sizes)]
            self._tap = _Tap(sink)
            self._writer = _parquet().ParquetWriter(self._tap, self._file.schema_arrow, compression=_codecs(self._file))
        self._group, self._first = -1, 0
        self._batches: Iterator[Any] = iter(())
        self._batch: Any = None
        self._rows: list[int] = []
        self._changes: dict[str, dict[int, str]] = {}
        self._gathered: list[Any] = []

    def write(self, row: int, changed: Mapping[str, str]) -> None:
        """Copy a row; `changed` maps columns (dotted paths reach into structs) to new strings."""
        with _faults(self._source):
            group = bisect_right(self._starts, row) - 1
            if group != self._group:
                self._flush_group()
                self._group, self._batches, self._batch = group, _batches(self._file, group), None
                self._first = self._starts[group]
            while self._batch is None or row >= self._first + self._batch.num_rows:
                self._flush_batch()
                self._first += self._batch.num_rows if self._batch is not None else 0
                self._batch = next(self._batches)
        for column, value in changed.items():
            self._changes.setdefault(column, {})[len(self._rows)] = value
        self._rows.append(row - self._first)

    def close(self) -> None:
        """Write what is left, and the footer."""
        with _faults(self._source):
            self._flush_group()
            self._writer.close()
            self._file.close()

    def discard(self) -> None:
        """Give up; what pyarrow still writes goes nowhere."""
        self._tap.closed = True
        self._writer.close()
        self._file.close()

    def _flush_batch(self) -> None:
        if self._rows:
            chosen = _take(self._batch, self._rows)
            for column, values in self._changes.items():
                chosen = _with_strings(chosen, column, values)
            self._gathered.append(chosen)
            self._rows, self._changes = [], {}
            if sum(batch.nbytes for batch in self._gathered) > _ROW_GROUP:
                self._write_gathered()

    def _flush_group(self) -> None:
        self._flush_batch()
        self._write_gathered()

    def _write_gathered(self) -> None:
        if self._gathered:
            self._writer.write_table(_pyarrow().Table.from_batches(self._gathered))
            self._gathered = []


class RowWriter:
    """Writes a Parquet file of string columns."""

    def __init__(self, columns: Sequence[str], sink: Sink) -> None:
        arrow = _pyarrow()
        self._schema = arrow.schema([(column, arrow.string()) for column in columns])
        self._tap = _Tap(sink)
        self._writer = _parquet().ParquetWriter(self._tap, self._schema, compression="zstd")
        self._rows: list[dict[str, str]] = []
        self._size = 0

    def write(self, row: Mapping[str, str]) -> None:
        """Add a row; lone surrogates, which no UTF-8 can hold, become \\udXXX."""
        self._rows.append({name: value.encode("utf-8", "backslashreplace").decode() for name, value in row.items()})
        self._size += sum(map(len, row.values()))
        if self._size > _BATCH:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the footer."""
        self._flush()
        self._writer.close()

    def discard(self) -> None:
        """Give up; what pyarrow still writes goes nowhere."""
        self._tap.closed = True
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(_pyarrow().Table.from_pylist(self._rows, schema=self._schema))
            self._rows, self._size = [], 0


class _Tap:
    """The file object that pyarrow writes to; once closed, what is written is dropped."""

    def __init__(self, sink: Sink) -> None:
        self.closed = False
        self._sink, self._size = sink, 0

    def write(self, content: Any) -> int:
        raw = bytes(content)
        if not self.closed:
            self._sink.write(raw)
        self._size += len(raw)
        return len(raw)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    with _faults(path), _open(path) as file:
        yield file


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """What pyarrow raises for damaged files, as InputError."""
    arrow = _pyarrow()
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise InputError(f"truncated or damaged Parquet ({_first_line(error)}); fetch the file again", path=str(path)) from None
    except (arrow.ArrowException, StopIteration) as error:
        raise InputError(f"truncated or damaged Parquet ({_first_line(error)}); fetch the file again", path=str(path)) from None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _open(path: Path) -> Any:
    return _parquet().ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)


def _batches(file: Any, group: int) -> Iterator[Any]:
    rows = max(1, min(_ROWS, int(_BATCH // max(1.0, _row_size(file, group)))))
    batches: Iterator[Any] = file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False)
    return batches


def _row_size(file: Any, group: int) -> float:
    about = file.metadata.row_group(group)
    size: float = about.total_byte_size / max(1, about.num_rows)
    return size


def _codecs(file: Any) -> dict[str, str] | str:
    """The codec of each column, as ParquetWriter wants it."""
    if not file.num_row_groups:
        return "snappy"
    group = file.metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    return {column.path_in_schema: column.compression.replace("UNCOMPRESSED", "NONE") for column in columns}


def _cut(line: bytes, error: str, limit: int) -> Iterator[Piece]:
    if len(line) <= limit:
        yield Piece(line, "record", error)
        return
    size = min(limit + 1, _PART)
    for start in range(0, len(line), size):
        yield Piece(line[start : start + size], "rest" if start else "record", oversize(limit))


def _lines(batch: Any) -> Iterator[tuple[bytes, str]]:
    """Each row as a JSON line, and why it cannot be read if so."""
    columns, errors = {}, dict[int, str]()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = list(_values(column, name, errors))
    for row in range(batch.num_rows):
        plain = {name: values[row] for name, values in columns.items()}
        yield (
            json.dumps(plain, ensure_ascii=False, default=_as_json).encode("utf-8", "backslashreplace") + b"\n",
            errors.get(row, ""),
        )


def _values(column: Any, name: str, errors: dict[int, str]) -> Iterable[Any]:
    try:
        values: list[Any] = column.to_pylist()
        return values
    except (ValueError, OverflowError, _pyarrow().ArrowException):
        return [_value(value, row, name, errors) for row, value in enumerate(column)]


def _value(scalar: Any, row: int, name: str, errors: dict[int, str]) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        errors[row] = f"column {name!r} is not UTF-8"
        return None
    except (ValueError, OverflowError):  # a time that Python's cannot hold
        return scalar.cast(_pyarrow().string()).as_py()


def _as_json(value: Any) -> Any:
    """A value that JSON has no form for."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _take(batch: Any, rows: Sequence[int]) -> Any:
    """Some rows of a batch, copied; pyarrow cannot take of every type what it can cut and join."""
    try:
        return batch.take(rows)
    except _pyarrow().ArrowNotImplementedError:
        return _pyarrow().concat_batches([batch.slice(row, 1) for row in rows])


def _with_strings(batch: Any, path: str, values: Mapping[int, str]) -> Any:
    """The batch with some strings of the column at a dotted path replaced, by row."""
    names = batch.schema.names
    column, rest = (path, "") if path in names else path.partition(".")[::2]
    at = names.index(column)
    replaced = _replaced(batch.column(at), rest, values, path)
    return batch.set_column(at, batch.schema.field(at), replaced)


def _replaced(array: Any, path: str, values: Mapping[int, str], whole: str) -> Any:
    arrow = _pyarrow()
    if arrow.types.is_struct(array.type):
        names = [field.name for field in array.type]
        name, rest = (path, "") if path in names else path.partition(".")[::2]
        at = names.index(name)
        children = [array.field(number) for number in range(len(names))]
        children[at] = _replaced(children[at], rest, values, whole)
        return arrow.StructArray.from_arrays(children, fields=list(array.type), mask=array.is_null())
    strings = [values.get(row, value) for row, value in enumerate(array.to_pylist())]
    try:
        return arrow.array(strings, type=array.type)
    except UnicodeEncodeError:
        raise UsageError(f"a repair of column {whole!r} holds half a surrogate pair, which Parquet cannot") from None
    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError, arrow.ArrowTypeError):
        plain = arrow.array(strings, type=arrow.string())
        return plain.dictionary_encode().cast(array.type) if arrow.types.is_dictionary(array.type) else plain.cast(array.type)


def _pyarrow() -> Any:
    try:
        import pyarrow  # noqa: PLC0415  optional, and slow to import
    except ImportError:
        raise require("pyarrow", "parquet", "Parquet files") from None
    return pyarrow


def _parquet() -> Any:
    _pyarrow()
    import pyarrow.parquet  # noqa: PLC0415  as above

    return pyarrow.parquet
