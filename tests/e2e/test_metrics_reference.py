"""The reference of the metrics and the dashboard, against what a node tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.certificates import Authority
from tests.e2e.exposition import Exposition
from tests.e2e.server import LongbowServer

DOCS = Path(__file__).resolve().parents[2] / "docs"


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    """Type and labels of each metric of the reference."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    text = (DOCS / "reference/metrics.md").read_text(encoding="utf-8")
    row = re.compile(r"\| `(longbow_\w+|process_\w+)` \| (\w+) \| ([^|]*)\| [^|]{8,} \|")
    for match in row.finditer(text):
        assert match[1] not in found, f"{match[1]} is described twice"
        found[match[1]] = (match[2], frozenset(re.findall(r"`(\w+)`", match[3])))
    return found


def test_the_reference_has_every_metric(server_of_defaults: Exposition) -> None:
    told = {
        family.name: (family.type, labels)
        for family in server_of_defaults.families.values()
        for labels in family.label_names()
    }
    assert all(len(f.label_names()) == 1 for f in server_of_defaults.families.values())
    assert documented() == told


@pytest.fixture(scope="module")
def server_of_defaults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposition]:
    """What a server with the modules that are loaded by default tells, with TLS on."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = Authority().server().write(folder)
    tls = {"use_tls": True, "tls_certificate": f"@{certificate}", "tls_private_key": f"@{key}"}
    shared = LongbowServer({"server": tls, "http": {"port": 0}})
    try:
        yield Exposition(shared.start().http)
        shared.stop()
    finally:
        shared.kill()


def names_in(text: str) -> set[str]:
    """All that looks like the name of a metric; of a histogram's series, the histogram's."""
    known = documented()
    found = set()
    for name in re.findall(r"\b(?:longbow|process)_[a-z_]+\b", text):
        base = re.sub(r"_(?:bucket|sum|count)$", "", name)
        found.add(base if known.get(base, ("",))[0] == "histogram" else name)
    return found


def test_the_pages_name_metrics_that_there_are() -> None:
    for page in ("observability.md", "configuration.md", "container.md", "guide.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        assert names_in(text) <= set(documented()), page
    assert names_in("longbow_rpc_duration_seconds_bucket") == {"longbow_rpc_duration_seconds"}
    assert names_in("longbow_no_such") - set(documented())


def test_the_dashboard() -> None:
    text = (DOCS / "grafana/longbow.json").read_text(encoding="utf-8")
    assert "://" not in text
    dashboard = json.loads(text)
    assert dashboard["schemaVersion"] >= 39
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places: set[tuple[int, int]] = set()
    used = names_in(variables["instance"]["definition"])
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            check_expression(target["expr"], target["legendFormat"])
            used |= names_in(target["expr"])
    # Nothing that the node tells is without a panel.
    assert used == set(documented())


def check_expression(expression: str, legend: str) -> None:
    """Its parentheses match, and its labels are those of its metrics."""
    for left, right in ("()", "[]", "{}"):
        assert expression.count(left) == expression.count(right), expression
    names = names_in(expression)
    assert names, expression
    assert names <= set(documented()), expression
    labels = frozenset({"instance", "le"}).union(*(documented()[name][1] for name in names))
    asked = {
        *(
            label.strip()
            for group in re.findall(r"by \(([^)]*)\)", expression)
            for label in group.split(",")
        ),
        *re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression),
        *re.findall(r"\{\{(\w+)\}\}", legend),
    }
    assert asked <= labels, (expression, asked - labels)
