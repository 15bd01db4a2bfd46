"""Protobuf bytes by hand: what Flight's own messages need that pyarrow has no class for."""

from __future__ import annotations

from collections.abc import Iterator

Field = int | bytes


def varint(value: int) -> bytes:
    """A number in protobuf's variable length."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(*fields: tuple[int, Field]) -> bytes:
    """A message of fields, each a number (varint) or bytes (length-delimited)."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def decode(data: bytes) -> Iterator[tuple[int, Field]]:
    """The fields of a message; fixed-size ones come as bytes."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _read_varint(data, position)
            yield number, value
            continue
        if kind == 2:
            size, position = _read_varint(data, position)
        else:
            size = {1: 8, 5: 4}[kind]
        assert position + size <= len(data)
        yield number, data[position : position + size]
        position += size


def fields_of(data: bytes) -> dict[int, Field]:
    """The fields of a message in which each comes once."""
    return dict(decode(data))
