"""The small text files beside weights: bounded, and UTF-8."""

from __future__ import annotations

from pathlib import Path

from firstpass.errors import FirstpassError

MAX_TEXT_BYTES = 2**20
"""What is read whole into memory is small by nature; anything larger is no such file."""


def read_text_file(path: Path) -> bytes:
    """The bytes of a small text file. Raises FirstpassError, without reading it, for one that is too large."""
    _check_size(path.stat().st_size, path.name)
    return path.read_bytes()


def decode_text(data: bytes, name: str) -> str:
    """A small text file's text, its byte order mark removed.

    Raises FirstpassError naming the row of the first byte that is not UTF-8.
    """
    _check_size(len(data), name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise FirstpassError(
            f"{name} row {row}: byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        ) from error
    return text


def _check_size(size: int, name: str) -> None:
    if size > MAX_TEXT_BYTES:
        raise FirstpassError(
            f"{name} has {size} bytes, more than {MAX_TEXT_BYTES}: this is no such file", "copy the right file"
        )
