"""Compressed bytes in and out: gzip, bzip2, Zstandard, each whole or an error.

Common readers take a truncated file for a short one, or stop after the first of several members. Here every member is read,
what follows the last one is an error, and so is a member without its end. Only one buffer is decompressed at a time.
"""

from __future__ import annotations

import bz2
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from dedupe.corpus.extras import require
from dedupe.corpus.record import Compression
from dedupe.errors import InputError

COMPRESSIONS: tuple[Compression, ...] = ("gz", "bz2", "zst")
MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst"}
BUFFER = 1 << 20
_NAMES = {"gz": "gzip", "bz2": "bzip2", "zst": "Zstandard"}
_FEED = {"gz": 1 << 17, "bz2": 1 << 17, "zst": 1 << 10}  # bytes; zst has no limit on output: 1 KiB becomes at most 32 MiB
_WINDOW = 1 << 27  # bytes of history that a Zstandard frame may ask for, the default of its command line tool


class Compressor(Protocol):
    """What turns bytes into compressed bytes, the same ones every time."""

    def compress(self, content: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def make_compressor(compression: Compression) -> Compressor | None:
    """A compressor whose bytes depend on the content alone (no name, no time); None for no compression."""
    if compression == "gz":
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    if compression == "bz2":
        return bz2.BZ2Compressor()
    if compression == "zst":
        compressor: Compressor = _zstandard().ZstdCompressor(level=3, write_checksum=True).compressobj()
        return compressor
    return None


def open_decompressed(path: Path, compression: Compression) -> BinaryIO:
    """The decompressed content of a file as a buffered stream; `peek` sees up to a mebibyte.

    Reading raises InputError where the compressed data is truncated, damaged, or followed by something else.
    """
    if not compression:
        return open(path, "rb", buffering=BUFFER)
    if compression == "zst":
        _zstandard()
    return io.BufferedReader(_Members(path, compression), BUFFER)


class _Members(io.RawIOBase):
    """The members of a compressed file, decompressed one after the other."""

    def __init__(self, path: Path, compression: Compression) -> None:
        self._path, self._compression = path, compression
        self._file = open(path, "rb")  # noqa: SIM115  closed in `close`
        self._waiting, self._ready = b"", memoryview(b"")
        self._member: Any = None
        self._members = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the content goes, so that what peeks at the start sees all of it."""
        view, filled = memoryview(buffer).cast("B"), 0
        while filled < len(view) and (self._ready or self._advance()):
            number = min(len(view) - filled, len(self._ready))
            view[filled : filled + number] = self._ready[:number]
            self._ready, filled = self._ready[number:], filled + number
        return filled

    def close(self) -> None:
        self._file.close()
        super().close()

    def _advance(self) -> bool:
        """Decompress some more; False at the end of the last member."""
        while not self._ready:
            if self._member is None and not self._begin_member():
                return False
            try:
                self._decompress()
            except InputError:
                raise
            except _errors(self._compression) as error:
                raise self._damaged(str(error)) from None
        return True

    def _begin_member(self) -> bool:
        self._waiting = self._waiting or self._file.read(_FEED[self._compression])
        if self._compression == "gz" and self._members:  # gzip files may be padded with zeros
            while self._waiting and not (stripped := self._waiting.lstrip(b"\0")):
                self._waiting = self._file.read(_FEED["gz"])
            self._waiting = stripped if self._waiting else b""
        if not self._waiting:
            if not self._members:
                raise self._damaged("the file is empty")
            return False
        self._member, self._members = _begin(self._compression), self._members + 1
        return True

    def _decompress(self) -> None:
        content, self._waiting = self._waiting, b""
        if not content and getattr(self._member, "needs_input", True):
            content = self._file.read(_FEED[self._compression])
        if self._compression == "zst":
            self._ready = memoryview(self._member.decompress(content))
        else:
            self._ready = memoryview(self._member.decompress(content, BUFFER))
            self._waiting = getattr(self._member, "unconsumed_tail", b"")
        if self._member.eof:
            self._waiting, self._member = self._member.unused_data, None
        elif not content and not self._ready:
            raise self._damaged("it ends before its end mark")

    def _damaged(self, what: str) -> InputError:
        name = _NAMES[self._compression]
        return InputError(f"truncated or damaged {name} ({what}); fetch the file again", path=str(self._path))


def _begin(compression: Compression) -> Any:
    if compression == "gz":
        return zlib.decompressobj(31)
    if compression == "bz2":
        return bz2.BZ2Decompressor()
    return _zstandard().ZstdDecompressor(max_window_size=_WINDOW).decompressobj(read_across_frames=False)


def _zstandard() -> Any:
    try:
        import zstandard  # noqa: PLC0415  optional
    except ImportError:
        raise require("zstandard", "zstd", "files that end in .zst") from None
    return zstandard


def _errors(compression: Compression) -> tuple[type[Exception], ...]:
    """What a decompressor raises for data that is none."""
    return (zlib.error, OSError, EOFError, *((_zstandard().ZstdError,) if compression == "zst" else ()))
