"""Prometheus' text format 0.0.4, read as strictly as its description allows."""

from __future__ import annotations

import math
import re
import urllib.request
from dataclasses import dataclass, field

from tests.e2e.server import PATIENCE_SEC

Labels = frozenset[tuple[str, str]]
Series = tuple[str, Labels]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")
_HELP = re.compile(rf"# HELP ({_NAME}) ((?:[^\\\n]|\\\\|\\n)+)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge|histogram)")
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass
class Family:
    """A metric with all of its series."""

    name: str
    help: str
    type: str
    samples: dict[Series, float] = field(default_factory=dict)

    def label_names(self) -> set[frozenset[str]]:
        """Which labels its series have; without `le`."""
        return {frozenset(name for name, _ in labels) - {"le"} for _, labels in self.samples}


def labels_of(**labels: str) -> Labels:
    """Labels as they are in a series."""
    return frozenset(labels.items())


def _parse_sample(line: str) -> tuple[Series, float]:
    match = _SAMPLE.fullmatch(line)
    assert match is not None, line
    pairs = [
        (name, re.sub(r"\\.", lambda m: _ESCAPED[m[0]], value))
        for name, value in re.findall(_LABEL, match[2] or "")
    ]
    assert len({name for name, _ in pairs}) == len(pairs), f"a label comes twice: {line}"
    return (match[1], frozenset(pairs)), float(match[match.re.groups])


def _parse_family(help_line: str, type_line: str, lines: list[str]) -> Family:
    told, typed = _HELP.fullmatch(help_line), _TYPE.fullmatch(type_line)
    assert told is not None, help_line
    assert typed is not None, type_line
    assert told[1] == typed[1], (help_line, type_line)
    family = Family(told[1], told[2], typed[2])
    ends = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
    for line in lines:
        series, value = _parse_sample(line)
        assert series[0] in {family.name + end for end in ends}, (family.name, line)
        assert series not in family.samples, f"a series comes twice: {line}"
        family.samples[series] = value
    assert family.samples, f"{family.name} has no series"
    return family


def _check_counter(family: Family) -> None:
    assert family.name.endswith("_total"), family.name
    for series, value in family.samples.items():
        assert 0 <= value < math.inf, (series, value)


def _check_histogram(family: Family) -> None:
    """Growing buckets that end with all, a sum and a count, for each set of labels."""
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for (name, labels), value in family.samples.items():
        if name.endswith("_bucket"):
            bound = float(dict(labels)["le"])
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            buckets.setdefault(rest, []).append((bound, value))
    sums = {labels for name, labels in family.samples if name == family.name + "_sum"}
    assert sums == set(buckets), family.name
    for labels, found in buckets.items():
        assert found == sorted(found), f"buckets come in order, and only grow: {found}"
        assert [count for _, count in found] == sorted(count for _, count in found), found
        assert found[-1] == (math.inf, family.samples[family.name + "_count", labels]), found


class Exposition:
    """One reading of `/metrics`, all of which has been checked."""

    def __init__(self, base: str, token: str | None = None) -> None:
        request = urllib.request.Request(base + "metrics")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=PATIENCE_SEC) as answer:
            assert answer.headers["Content-Type"] == CONTENT_TYPE
            text = answer.read().decode()
        self.families: dict[str, Family] = {}
        assert text.endswith("\n")
        lines = text[:-1].split("\n")
        begins = [i for i, line in enumerate(lines) if line.startswith("# HELP ")]
        assert begins[0] == 0
        for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
            family = _parse_family(lines[begin], lines[begin + 1], lines[begin + 2 : end])
            assert family.name not in self.families, f"{family.name} comes twice"
            self.families[family.name] = family
            if family.type == "counter":
                _check_counter(family)
            elif family.type == "histogram":
                _check_histogram(family)
            else:
                assert not family.name.endswith("_total"), family.name
        self._values = {s: v for f in self.families.values() for s, v in f.samples.items()}

    def series(self) -> set[Series]:
        """All names with their labels."""
        return set(self._values)

    def __call__(self, metric: str, **labels: str) -> float:
        """The value of exactly this series; 0 where it has not begun."""
        return self._values.get((metric, labels_of(**labels)), 0.0)

    def moved_since(self, before: Exposition, metric: str) -> dict[Labels, float]:
        """By how much each series of that name has changed; only those that have."""
        moved = {
            labels: value - before(name, **dict(labels))
            for (name, labels), value in self._values.items()
            if name == metric
        }
        return {labels: by for labels, by in moved.items() if by != 0}
