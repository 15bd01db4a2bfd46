"""Makes the data of the JSON test: `types.arrow`, and from it `types.json` in the format of Arrow's
integration tests, by arrow-go's converter, so that the data does not come from the code that is tested:

    go install github.com/apache/arrow-go/v18/arrow/ipc/cmd/arrow-json-integration-test@v18.8.0
    python make_data.py PATH/OF/arrow-json-integration-test
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

HERE = Path(__file__).resolve().parent
UTC = datetime.UTC


def schema() -> pa.Schema:
    """Every kind of layout: fixed width, bits, offsets, nested, dictionaries. No ordered dictionary:
    arrow-go's reader of the JSON loses the order."""
    fields = [pa.field(f"int{bits}", pa.type_for_alias(f"int{bits}")) for bits in (8, 16, 32, 64)]
    fields += [
        pa.field(f"uint{bits}", pa.type_for_alias(f"uint{bits}")) for bits in (8, 16, 32, 64)
    ]
    point = pa.struct([pa.field("x", pa.int32()), pa.field("name", pa.string())])
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            *fields,
            pa.field("float32", pa.float32()),
            pa.field("float64", pa.float64()),
            pa.field("flag", pa.bool_()),
            pa.field("text", pa.string(), metadata={"unit": "words"}),
            pa.field("bytes", pa.binary()),
            pa.field("date", pa.date32()),
            pa.field("time", pa.time64("us")),
            pa.field("moment", pa.timestamp("us", tz="UTC")),
            pa.field("second", pa.timestamp("s")),
            pa.field("span", pa.duration("ms")),
            pa.field("money", pa.decimal128(12, 2)),
            pa.field("list", pa.list_(pa.int32())),
            pa.field("lists", pa.list_(pa.list_(pa.string()))),
            pa.field("pair", pa.list_(pa.float64(), 2)),
            pa.field("point", point),
            pa.field("points", pa.list_(point)),
            pa.field("nothing", pa.null()),
            pa.field("colour", pa.dictionary(pa.int8(), pa.string())),
            pa.field("size", pa.dictionary(pa.int32(), pa.int64())),
        ],
        metadata={"origin": "longbow"},
    )


def row(number: int) -> dict[str, object]:
    """A row; every third value of most columns is null."""
    values: dict[str, object] = {"id": number, "nothing": None}
    for bits in (8, 16, 32, 64):
        values[f"int{bits}"] = (-1) ** number * (2 ** (bits - 1) - 1 - number)
        values[f"uint{bits}"] = 2**bits - 1 - number
    moment = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
    moment += datetime.timedelta(days=37 * number)
    values |= {
        "float32": number / 4,
        "float64": -number * 1e10 / 8,
        "flag": number % 2 == 0,
        "text": ["", "longbow", "Größe", "弓"][number % 4] * (number % 3 + 1),
        "bytes": bytes(range(number)),
        "date": moment.date(),
        "time": moment.time(),
        "moment": moment,
        "second": moment.replace(microsecond=0, tzinfo=None),
        "span": datetime.timedelta(milliseconds=1500 * number),
        "money": Decimal(number * 12345) / 100,
        "list": [*range(number), None],
        "lists": [["a"] * number, None, [], [None, "b"]],
        "pair": [number * 0.5, None],
        "point": {"x": number, "name": f"p{number}"},
        "points": [{"x": n, "name": None} for n in range(number % 3)],
    }
    kept = ("id", "nothing")
    return {
        name: value if name in kept or (number + place) % 3 else None
        for place, (name, value) in enumerate(values.items())
    }


def batch_of(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """The dictionary columns have the same dictionaries in every batch, as the file format wants."""
    columns = []
    for field in schema():
        if field.name == "colour":
            indices = [None if r["id"] == 4 else r["id"] % 3 for r in rows]  # type: ignore[operator]
            values = pa.array(["red", "green", "blue"])
        elif field.name == "size":
            indices = [r["id"] % 2 for r in rows]  # type: ignore[operator]
            values = pa.array([10, 20], pa.int64())
        else:
            columns.append(pa.array([r[field.name] for r in rows], field.type))
            continue
        columns.append(
            pa.DictionaryArray.from_arrays(pa.array(indices, field.type.index_type), values)
        )
    return pa.record_batch(columns, schema=schema())


def main(converter: str) -> None:
    """Writes two batches."""
    arrow, text = HERE / "types.arrow", HERE / "types.json"
    with pa.ipc.new_file(arrow, schema()) as writer:
        for numbers in (range(7), range(7, 12)):
            writer.write_batch(batch_of([row(number) for number in numbers]))
    text.unlink(missing_ok=True)
    mode = ["-mode", "ARROW_TO_JSON", "-arrow", str(arrow), "-json", str(text)]
    subprocess.run([converter, *mode], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
