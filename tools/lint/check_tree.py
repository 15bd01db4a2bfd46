#!/usr/bin/env python3
"""Checks what the architecture says about files, folders and names, and no compiler does.

usage: check_tree.py [--build-dir FOLDER]

Prints one line per finding, `file:line: what is wrong and what to do`, and exits 1 if there is any. With
a build folder it also checks that every test file is compiled, or run, by that build.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The folders of src/, lowest first: each may include itself and what stands before it.
LAYERS = [
    "base",
    "secret",
    "config",
    "telemetry",
    "http",
    "access",
    "payload",
    "cluster",
    "task",
    "peer",
    "transport",
    "flight",
    "module",
    "server",
]

# Headers that cost seconds to compile; a header of ours may not pass that on to other folders.
HEAVY_HEADERS = re.compile(
    r"^(arrow/api\.h|arrow/flight/(api|client|server|types)\.h|grpcpp/|grpc/|google/protobuf/|"
    r"nlohmann/json\.hpp|toml\+\+/|httplib\.h|microhttpd\.h|cjose/|CLI/|prometheus/|duckdb\.hpp|longbow/v1/)"
)
VAGUE_WORD = r"(?:Utils?|Helpers?|Common|Managers?)"
VAGUE_FILE = re.compile(r"(^|[_-])(utils?|helpers?|common|managers?)([_.-]|$)")
VAGUE_TYPE = re.compile(rf"\b(?:class|struct|enum|union|namespace)\s+\w*{VAGUE_WORD}(?![a-z])\w*")

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')
MAX_LINES = 600


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where it is."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def tracked_files() -> list[str]:
    """Files that git has or would take, which are still there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted({name for name in listed.splitlines() if (ROOT / name).is_file()})


def lines_of(path: str) -> list[str]:
    """The lines of a text file of the tree."""
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def includes_of(path: str) -> Iterator[tuple[int, str]]:
    """Line number and name of everything that a C++ file includes."""
    for number, line in enumerate(lines_of(path), start=1):
        if match := INCLUDE.match(line):
            yield number, match.group(1)


def check_src_includes(path: str, layer: str) -> Iterator[Finding]:
    """A folder of src/ uses only itself and the folders below it."""
    if layer not in LAYERS:
        yield Finding(path, 1, f"src/{layer} has no place in the layers of {__file__}")
        return
    for number, included in includes_of(path):
        folder = included.split("/")[0]
        if "/" in included and folder in LAYERS and LAYERS.index(folder) > LAYERS.index(layer):
            yield Finding(path, number, f"src/{layer} may not use src/{folder}, which is above it")


def check_outsider_includes(path: str) -> Iterator[Finding]:
    """Modules, examples and the SDK see the SDK's headers and nothing of src/ or the wire."""
    for number, included in includes_of(path):
        folder = included.split("/")[0]
        if "/" in included and folder in LAYERS:
            yield Finding(path, number, f"only include/longbow may be seen here, not src/{folder}")
        if included.startswith("longbow/v1/"):
            yield Finding(path, number, "messages of the wire are the server's own")


def check_heavy_includes(files: list[str]) -> Iterator[Finding]:
    """Headers that other folders include do not hand on expensive headers."""
    headers = {path for path in files if path.endswith(".h") and path.split("/")[0] != "cmake"}
    # The fakes and contract suites are included by tests only: there the price is paid once.
    used_elsewhere = {
        path
        for path in headers
        if path.startswith("include/") and not path.startswith("include/longbow/testing/")
    }
    for path in files:
        if path.endswith((".cc", ".h")):
            for _, included in includes_of(path):
                header = f"src/{included}"
                if header in headers and Path(header).parent != Path(path).parent:
                    used_elsewhere.add(header)
    for path in sorted(used_elsewhere):
        for number, included in includes_of(path):
            if HEAVY_HEADERS.match(included):
                yield Finding(
                    path, number, f"include {included} in the .cc file, and declare what is needed"
                )


def check_cxx(path: str) -> Iterator[Finding]:
    """All that is checked in one C++ file."""
    parts = path.split("/")
    if parts[0] == "src":
        yield from check_src_includes(path, parts[1])
    elif parts[0] in ("include", "modules", "examples"):
        yield from check_outsider_includes(path)
    if path.endswith(".h") and "#pragma once" not in lines_of(path):
        yield Finding(path, 1, "a header starts with #pragma once")


def check_text(path: str) -> Iterator[Finding]:
    """Names, size and leftovers in a C++ or Python file."""
    if VAGUE_FILE.search(Path(path).name.lower()):
        yield Finding(
            path, 1, "name the file after what it holds, not Utils, Helpers, Common, Manager"
        )
    lines = lines_of(path)
    if len(lines) > MAX_LINES:
        yield Finding(path, MAX_LINES, f"{len(lines)} lines: this is more than one file")
    if path == "tools/lint/check_tree.py":
        return
    for number, line in enumerate(lines, start=1):
        if VAGUE_TYPE.search(line):
            yield Finding(path, number, "name the type after what it does")
        if UNFINISHED.search(line):
            yield Finding(path, number, "finish it, or leave it out and say so")


def check_registered(files: Iterable[str], build_dir: Path) -> Iterator[Finding]:
    """Every test file is compiled or run by the build."""
    database = json.loads((build_dir / "compile_commands.json").read_text(encoding="utf-8"))
    compiled = {str(Path(entry["file"]).resolve()) for entry in database}
    shown = subprocess.run(
        ["ctest", "--test-dir", str(build_dir), "--show-only=json-v1"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    run = {Path(word) for test in json.loads(shown)["tests"] for word in test.get("command", [])}
    for path in files:
        name, full = Path(path).name, (ROOT / path).resolve()
        # Examples are built on their own, against the installed SDK.
        if path.startswith("examples/"):
            continue
        if re.search(r"_(test|fuzz)\.cc$", name) and str(full) not in compiled:
            yield Finding(
                path, 1, "no CMakeLists.txt compiles this test: name it in longbow_test()"
            )
        if re.search(r"^test_.*\.py$|_test\.py$", name) and not run & {full, *full.parents}:
            yield Finding(path, 1, "no test runs this file: name it in longbow_pytest()")


def findings(build_dir: Path | None) -> Iterator[Finding]:
    """Everything that is wrong in the tree."""
    files = tracked_files()
    for path in files:
        if path.endswith((".cc", ".h")):
            yield from check_cxx(path)
        if path.endswith((".cc", ".h", ".py")):
            yield from check_text(path)
    yield from check_heavy_includes(files)
    if build_dir is not None:
        yield from check_registered(files, build_dir)


def main() -> int:
    """Runs all checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=Path)
    found = list(findings(parser.parse_args().build_dir))
    for finding in found:
        print(finding)
    print(f"{len(found)} findings", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
