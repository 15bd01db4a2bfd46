"""Writes the seeds of the fuzz targets to corpus/TARGET/ beside this file.

Needs pyarrow. The seeds are committed; run it again after changing what is below. Inputs of bugs
that the fuzzer found lie beside the seeds as `regression-*`, and are left alone.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

CORPUS = Path(__file__).parent / "corpus"

# Protobuf by hand: the seeds need no generated code.


def varint(number: int) -> bytes:
    out = bytearray()
    number &= (1 << 64) - 1
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def texts(number: int, parts: Iterable[str]) -> bytes:
    return b"".join(field(number, part) for part in parts)


def text_value(text: str) -> bytes:
    return field(3, text)


def struct_value(members: dict[str, bytes]) -> bytes:
    entries = (field(1, name) + field(2, value) for name, value in members.items())
    return b"".join(field(1, entry) for entry in entries)


def command_seeds() -> dict[str, bytes]:
    payload = (
        field(1, field(1, "sales") + field(2, texts(1, ["raw", "sales"])))
        + field(1, field(1, "fx") + field(2, field(2, field(1, "connector"))))
        + field(2, texts(1, ["a", "b"]) + field(4, 1) + field(5, 900))
        + field(3, field(1, struct_value({"owner": text_value("f"), "old": field(1, 0)})))
        + field(4, struct_value({"query": text_value("SELECT 1")}))
    )
    proto = field(1, "sql") + field(2, "n1") + field(3, payload)
    nested = b'{"service":"s"}'
    for _ in range(40):
        nested = b'{"service":"s","payload":{"inputs":{"i":{"command":' + nested + b"}}}}"
    return {
        "full.json": b"""{"service":"sql","node":"n","payload":{"query":"SELECT 1",
"n":9007199254740993,"inputs":{"sales":{"path":["raw","sales"]},
"fx":{"command":{"service":"connector","payload":{"source":"pg","d":[1.5,null,true]}}}},
"sink":{"path":["a","b"],"ifExists":"REUSE","ttlSec":900},
"resultMetadata":{"schema":{"o":"f","x":null},"fields":{"a":{"unit":"EUR"}}}}}""",
        "cache.json": b'{"service":"s","payload":{"sink":{"cache":true},"f":{"a":[{"b":-0.0}]}}}',
        "numbers.json": b'{"service":"s","payload":{"a":1e308,"b":18446744073709551615,"c":"9"}}',
        "retry.json": b'{"retry":{"task":"t1","node":"n1"}}',
        "cancel.json": b'{"cancel":{"task":"t1"}}',
        "full.pb": proto,
        "fields_json.pb": field(1, "s") + field(3, field(5, '{"a":9007199254740993,"b":5.0}')),
        "retry.pb": field(4, field(1, "t1") + field(2, "n1")),
        "cancel.pb": field(5, field(1, "t1")),
        "truncated.json": b'{"service":"sql","payload":{"query":"SEL',
        "truncated.pb": proto[: len(proto) // 2],
        "nested.json": nested,
        "twice.json": b'{"service":"s","service":"t"}',
        "not_utf8.json": b'{"service":"s","payload":{"q":"\xff\xfe"}}',
        "not_ours": b"\x00\x01\x02 something else",
    }


def ticket_seeds() -> dict[str, bytes]:
    path = texts(1, ["a", "b"])
    return {
        "path.json": b'{"path":["a","b"]}',
        "revision.json": b'{"path":["a","b"],"revision":7}',
        "task.json": b'{"task":"t1","node":"n1"}',
        "revision.pb": path + field(2, 7),
        "negative.pb": path + field(2, -1),
        "task.pb": field(3, "t1") + field(4, "n1"),
        "both.json": b'{"path":["a"],"task":"t"}',
        "hostile.json": b'{"path":["..","a/b","\\u0000"],"revision":1e99}',
        "truncated.json": b'{"path":["a"',
        "truncated.pb": path[:-1],
        "unknown.pb": path + field(9, "x"),
    }


def message_seeds() -> dict[str, bytes]:
    metadata = field(1, struct_value({"k": text_value("v")}))
    metadata += field(2, field(1, "a") + field(2, struct_value({"unit": text_value("EUR")})))
    paths = b"".join(field(1, field(1, text_value(name))) for name in ("a", "b"))
    bodies = {
        "put_options.json": (
            0,
            b'{"ttlSec":"900","ifExists":"REPLACE","metadata":{"schema":{"k":"v","x":null},'
            b'"fields":{"a":{"unit":"EUR"}}}}',
        ),
        "put_options.pb": (0, field(1, 900) + field(2, 2) + field(3, metadata)),
        "put_options_bad_policy.pb": (0, field(2, 77)),
        "criteria.json": (1, b'{"prefix":["a"],"service":"sql","limit":10}'),
        "criteria.pb": (1, texts(1, ["a"]) + field(2, "sql") + field(3, 10)),
        "health": (2, b""),
        "locations.json": (3, b'{"command":{"service":"sql","payload":{"x":1}}}'),
        "locations.pb": (3, texts(1, ["a", "b"])),
        "nodes.json": (4, b"{}"),
        "services.json": (5, b'{"x":1}'),
        "describe.json": (6, b'{"path":["a"],"revision":3}'),
        "delete.json": (7, b'{"paths":[["a","b"],["c"]]}'),
        "delete.pb": (7, paths),
        "cancel.pb": (8, field(1, "t1") + field(2, "n1")),
        "tasks.json": (9, b'{"service":"sql","limit":-5}'),
        "tasks_truncated.pb": (9, field(1, "sql")[:-1]),
    }
    return {name: bytes([kind]) + body for name, (kind, body) in bodies.items()}


def value_seeds() -> dict[str, bytes]:
    return {
        "all.json": b'{"n":null,"b":[true,false],"i":-1,"d":1.5e-7,"s":"a\\u00e9\\n","o":{}}',
        "numbers.json": b"[0,-0,-0.0,9223372036854775807,9223372036854775808,1e400,5.0,1E5]",
        "escapes.json": b'["\\ud83d\\ude00","\\ud83d","\\u0000","\\/\\b\\f","\x7f"]',
        "emoji.json": '["\U0001f600é"]'.encode(),
        "nested.json": b"[" * 256 + b"]" * 256,
        "too_nested.json": b"[" * 300 + b"]" * 300,
        "twice.json": b'{"a":1,"\\u0061":2}',
        "not_utf8.json": b'["\xc3\x28"]',
        "zero.json": b"[1]\x00[2]",
        "truncated.json": b'{"a":[1,{"b":"c',
    }


def flight_data_seeds() -> dict[str, bytes]:
    descriptor = field(1, field(1, 1) + texts(3, ["a", "b"]))
    header, body = field(2, b"header" * 8), field(1000, b"body" * 50)
    everything = descriptor + header + field(3, b"metadata") + body
    messages = {
        "all": (0, everything),
        "all_in_pieces": (3, everything),
        "other_order": (17, body + header),
        "body_only": (39, body),
        "unknown_fields": (5, field(7, 1) + varint(8 << 3 | 1) + b"8" * 8 + field(9, "x") + header),
        "fixed32": (5, varint(8 << 3 | 5) + b"4444" + body),
        "twice": (5, header + header),
        "group": (5, varint(8 << 3 | 3) + header),
        "too_long": (5, varint(1000 << 3 | 2) + varint((1 << 63) - 1) + b"x"),
        "endless_number": (5, b"\xff" * 11),
        "truncated": (5, everything[:-20]),
        "empty": (0, b""),
    }
    return {name: bytes([cut]) + message for name, (cut, message) in messages.items()}


def ipc_messages(
    batch: pa.RecordBatch, compression: str | None = None, batches: int = 1
) -> list[tuple[bytes, bytes]]:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        for _ in range(batches):
            writer.write_batch(batch)
    reader = pa.ipc.MessageReader.open_stream(pa.BufferReader(sink.getvalue()))
    return [(message.metadata.to_pybytes(), message.body.to_pybytes()) for message in reader]


def ipc_stream(messages: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(struct.pack("<II", len(h), len(b)) + h + b for h, b in messages)


def ipc_seeds() -> dict[str, bytes]:
    def one(array: pa.Array) -> pa.RecordBatch:
        return pa.record_batch([array], names=["a"])

    strings = one(pa.array(["a", None, "ccc", "dddd"]))
    words = pa.array(["x", "y", None, "x"]).dictionary_encode()
    dictionary = one(words)
    pairs = pa.array([{"x": 1, "y": "t"}, None], pa.struct({"x": pa.int8(), "y": pa.string()}))
    union = pa.UnionArray.from_dense(
        pa.array([0, 1, 0], pa.int8()),
        pa.array([0, 0, 1], pa.int32()),
        [pa.array([1, 2]), pa.array(["t"])],
    )
    ends = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"]))
    seeds = {
        "int64": ipc_messages(one(pa.array([1, None, 3])), batches=2),
        "null": ipc_messages(one(pa.nulls(3))),
        "bool": ipc_messages(one(pa.array([True, None, False]))),
        "decimal": ipc_messages(one(pa.array(["1.25", None]).cast(pa.decimal128(10, 2)))),
        "string": ipc_messages(strings),
        "string_lz4": ipc_messages(strings, "lz4"),
        "string_zstd": ipc_messages(strings, "zstd"),
        "string_view": ipc_messages(one(pa.array(["a", "beyond its twelve"], pa.string_view()))),
        "dictionary": ipc_messages(dictionary, batches=2),
        "list": ipc_messages(one(pa.array([["a", None], None, []]))),
        "list_view": ipc_messages(one(pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())))),
        "list_of_dictionary": ipc_messages(one(pa.ListArray.from_arrays([0, 1, 4], words))),
        "map": ipc_messages(one(pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())))),
        "struct": ipc_messages(one(pairs)),
        "union": ipc_messages(one(union)),
        "run_end": ipc_messages(one(ends)),
    }
    streams = {name: ipc_stream(messages) for name, messages in seeds.items()}
    header, body = seeds["string"][1]
    offsets = struct.pack("<5i", 0, 1, 1, 4, 8)
    hostile = body.replace(offsets, struct.pack("<5i", 0, 1, 2_000_000_000, -1, 8))
    streams["hostile_offsets"] = ipc_stream([seeds["string"][0], (header, hostile)])
    streams["no_body"] = ipc_stream([seeds["string"][0], (header, b"")])
    streams["no_dictionary"] = ipc_stream([seeds["dictionary"][0], seeds["dictionary"][2]])
    streams["two_schemas"] = ipc_stream(seeds["int64"][:1] * 2)
    streams["truncated"] = streams["list"][:-30]
    return streams


def elf_file(identity: bytes, count: int = 3, entry_size: int = 64, names: int = 1) -> bytes:
    """A 64-bit library with nothing but the section that holds the identity."""
    table = b"\0.shstrtab\0.longbow.identity\0"
    at = 64
    sections = [
        bytes(64),
        struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, at, len(table), 0, 0, 1, 0),
        struct.pack("<IIQQQQIIQQ", 11, 1, 2, 0, at + len(table), len(identity), 0, 0, 1, 0),
    ]
    start = at + len(table) + len(identity)
    machine = 62
    header = b"\x7fELF\2\1\1" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, start, 0, 64, 0, 0,
                          entry_size, count, names)  # fmt: skip
    return header + table + identity + b"".join(sections)


def elf_seeds() -> dict[str, bytes]:
    good = elf_file(b"longbow 0.1.0 arrow 26\0")
    return {
        "good": good,
        "no_zero": elf_file(b"x"),
        "count_in_section": elf_file(b"x\0", count=0),
        "many_sections": elf_file(b"x\0", count=65535),
        "names_beyond": elf_file(b"x\0", names=9),
        "names_in_section": elf_file(b"x\0", names=0xFFFF),
        "entry_size": elf_file(b"x\0", entry_size=1),
        "truncated": good[:-70],
        "header_only": good[:64],
        "no_elf": b"#!/bin/sh\nexit 0\n",
        "empty": b"",
    }


def main() -> None:
    targets = {
        "command": command_seeds(),
        "ticket": ticket_seeds(),
        "message": message_seeds(),
        "value": value_seeds(),
        "flight_data": flight_data_seeds(),
        "ipc_decoder": ipc_seeds(),
        "elf_identity": elf_seeds(),
    }
    for target, seeds in targets.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("regression-"):
                old.unlink()
        for name, content in seeds.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
