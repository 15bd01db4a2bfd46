"""Small files of every format that the connector reads, and settings that name them as sources."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq

SECRET = "the-secret-outside"

REGIONS = ["north", "south", "east"]
CURRENCIES = ["EUR", "USD"]
RATES = {"EUR": 1.0, "USD": 0.5}
SALES_ROWS = 1200


def sales() -> pa.Table:
    """A table of sales; every number in it follows from the row's."""
    numbers = range(SALES_ROWS)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "region": [REGIONS[n % 3] for n in numbers],
            "currency": [CURRENCIES[n % 2] for n in numbers],
            "amount": pa.array([float(n % 100) for n in numbers], pa.float64()),
            "note": [None if n % 4 == 0 else f"note {n}" for n in numbers],
        }
    )


def points() -> pa.Table:
    """A table whose schema and field have metadata."""
    field = pa.field("x", pa.int32(), metadata={"unit": "mm", "axis": "first"})
    schema = pa.schema(
        [field, pa.field("label", pa.string())], metadata={"owner": "lab", "origin": "file"}
    )
    return pa.table([pa.array(range(10), pa.int32()), [f"p{n}" for n in range(10)]], schema=schema)


def write_data_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes the files into an empty folder; returns the connector's sections of the settings."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(f"word\n{SECRET}\n", encoding="utf-8")

    files = folder / "files"
    files.mkdir()
    pq.write_table(sales(), files / "sales.parquet", row_group_size=300)
    pa.csv.write_csv(
        pa.table({"currency": list(RATES), "rate": list(RATES.values())}), files / "fx.csv"
    )
    with gzip.open(files / "fx.csv.gz", "wt", encoding="utf-8") as compressed:
        compressed.write("currency,rate\nEUR,1.0\nUSD,0.5\n")
    lines = [json.dumps({"item": n, "tag": f"t{n % 3}"}) for n in range(30)]
    (files / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pa.feather.write_feather(points(), str(files / "points.arrow"))
    pa.orc.write_table(points(), str(files / "points.orc"))
    (files / "broken.parquet").write_bytes(b"PAR1 this is no Parquet file PAR1")
    (files / "leads_out.csv").symlink_to(outside / "secret.csv")
    (files / "folder_out").symlink_to(outside)

    events = folder / "events"
    for year in (2024, 2025):
        for month in (1, 2, 3):
            part = events / f"year={year}" / f"month={month}"
            part.mkdir(parents=True)
            pq.write_table(pa.table({"event": [year * 100 + month] * month}), part / "part.parquet")

    def source(path: Path, **more: Any) -> dict[str, Any]:
        return {"path": str(path), **more}

    return {
        "connector.source.files": source(files),
        "connector.source.sales": source(files / "sales.parquet"),
        "connector.source.fx": source(files / "fx.csv"),
        "connector.source.events": source(events),
        "connector.source.plain_events": source(events, partitioning="none"),
        "connector.source.glob": source(files / "fx.csv*"),
        "connector.source.absent": source(folder / "nothing-here"),
    }
