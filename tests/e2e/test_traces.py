"""Traces: what a collector gets of a call, and who is whose parent."""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client, Json, command, eventually, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.operations import NOISE_SEC, Metrics
from tests.e2e.otlp_receiver import GrpcOtlpReceiver, OtlpReceiver, SilentCollector, Span

RELAY = Path(os.environ["LONGBOW_BUILD_DIR"]) / "tests/modules/liblongbow_relay.so"


@pytest.fixture(autouse=True)
def spans_are_sent_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the five seconds that spans wait for others."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


def traced(receiver: OtlpReceiver | GrpcOtlpReceiver, **trace: Any) -> dict[str, dict[str, Any]]:
    """Settings of a server that sends its spans to the receiver, at its end at the latest."""
    return {"trace": {"endpoint": receiver.endpoint, "protocol": "http/protobuf", **trace}}


def caller(sampled: bool = True) -> tuple[str, str, dict[str, str]]:
    """A trace and a span of a caller's, and the header that tells of them."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, {"traceparent": f"00-{trace}-{span}-{'01' if sampled else '00'}"}


def only(spans: list[Span], name: str) -> Span:
    """The one span of that name."""
    [span] = [each for each in spans if each.name == name]
    return span


def test_spans_of_a_command_and_its_read(make_server: MakeServer) -> None:
    with OtlpReceiver() as receiver:
        server = make_server(traced(receiver))
        client = Client(server.uri)
        trace, parent, headers = caller()
        info = client.info(sql("SELECT 42 AS answer"), headers=headers)
        client.get(info, headers=headers)
        names = {"GetFlightInfo", "DoGet", "task", "queue", "run", "stream"}
        spans = receiver.wait_for(trace, names)
        call = only(spans, "GetFlightInfo")
        assert call.parent == parent
        assert call.kind == 2
        assert call.service == "longbow"
        assert call.attributes["longbow.service"] == "sql"
        task = only(spans, "task")
        assert task.parent == call.id
        assert task.attributes["longbow.rows"] == 1
        for step in ("queue", "run", "stream"):
            assert only(spans, step).parent == task.id
            assert task.start_ns <= only(spans, step).start_ns <= only(spans, step).end_ns
        assert only(spans, "DoGet").parent == parent
        client.close()


def test_a_sink_and_nested_commands(make_server: MakeServer) -> None:
    with OtlpReceiver() as receiver:
        server = make_server(traced(receiver))
        client = Client(server.uri)
        trace, _, headers = caller()
        inner = sql("SELECT 1 AS x")
        client.info(
            sql("SELECT x FROM t", {"t": {"command": inner}}, sink={"path": ["traced"]}),
            headers=headers,
        )
        spans = receiver.wait_for(trace, ["GetFlightInfo", "sink", "input", "task", "task"])
        tasks = [span for span in spans if span.name == "task"]
        assert len(tasks) == 2
        outer = next(s for s in tasks if s.parent == only(spans, "GetFlightInfo").id)
        [nested] = [span for span in tasks if span is not outer]
        assert only(spans, "input").parent == outer.id
        assert only(spans, "input").attributes["longbow.input"] == "t"
        assert nested.parent == only(spans, "input").id
        assert only(spans, "sink").parent == outer.id
        client.close()


def test_a_failure_is_marked(make_server: MakeServer) -> None:
    with OtlpReceiver() as receiver:
        server = make_server(traced(receiver))
        client = Client(server.uri)
        trace, _, headers = caller()
        with pytest.raises(Exception, match="nonsense"):
            client.info(sql("SELECT nonsense"), headers=headers)
        spans = receiver.wait_for(trace, {"GetFlightInfo", "task"})
        assert only(spans, "GetFlightInfo").failed
        assert only(spans, "task").failed
        client.close()


def test_a_trace_goes_on_across_two_servers(make_server: MakeServer) -> None:
    with OtlpReceiver() as receiver:
        far = make_server(traced(receiver, service_name="far"))
        near = make_server(
            traced(receiver, service_name="near"), arguments=["--module", str(RELAY)]
        )
        client = Client(near.uri)
        trace, parent, headers = caller()
        payload: Json = {
            "uri": far.uri,
            "command": '{"service": "sql", "payload": {"query": "SELECT 1"}}',
        }
        info = client.info(command("relay", payload), headers=headers)
        client.get(info, headers=headers)
        spans = receiver.wait_for(trace, ["GetFlightInfo", "DoGet", "task"] * 2)
        near_call = only([s for s in spans if s.service == "near"], "GetFlightInfo")
        far_call = only([s for s in spans if s.service == "far"], "GetFlightInfo")
        near_task = only([s for s in spans if s.service == "near"], "task")
        assert near_call.parent == parent
        assert near_task.parent == near_call.id
        assert far_call.parent == near_task.id
        client.close()


def test_what_is_sampled(make_server: MakeServer) -> None:
    with OtlpReceiver() as receiver:
        server = make_server(traced(receiver, ratio=0))
        client = Client(server.uri)
        client.info(sql("SELECT 1"))  # no parent, and a share of none
        _, _, unsampled = caller(sampled=False)
        client.info(sql("SELECT 2"), headers=unsampled)
        trace, _, headers = caller()
        client.info(sql("SELECT 3"), headers=headers)  # its parent is sampled
        receiver.wait_for(trace, {"GetFlightInfo"})
        client.close()
        server.stop()
        assert {span.trace for span in receiver.spans} == {trace}


@pytest.mark.parametrize("ratio", [1, 0])
def test_spans_over_grpc(make_server: MakeServer, ratio: int) -> None:
    """As over HTTP; the sampler is the same, and what it leaves out is not sent."""
    with GrpcOtlpReceiver() as receiver:
        settings = {"protocol": "grpc", "headers": "x-api-key=of-the-test", "ratio": ratio}
        server = make_server(traced(receiver, **settings))
        client = Client(server.uri)
        client.action("HealthCheck")  # has no parent
        trace, parent, headers = caller()
        client.get(client.info(sql("SELECT 42 AS answer"), headers=headers), headers=headers)
        spans = receiver.wait_for(trace, {"GetFlightInfo", "DoGet", "task", "run", "stream"})
        call = only(spans, "GetFlightInfo")
        assert (call.parent, call.kind, call.service) == (parent, 2, "longbow")
        assert call.attributes["longbow.service"] == "sql"
        task = only(spans, "task")
        assert task.parent == call.id
        assert only(spans, "run").parent == task.id
        client.close()
        server.stop()
        assert GrpcOtlpReceiver.METHOD in receiver.headers
        assert "of-the-test" in receiver.headers
        assert len({span.trace for span in receiver.spans}) == 1 + ratio


@pytest.mark.parametrize("protocol", ["", "http/protobuf", "grpc"])
def test_the_variables_alone_turn_traces_on(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    receiver = GrpcOtlpReceiver() if protocol == "grpc" else OtlpReceiver()
    with receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "named by a variable")
        if protocol:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        client = Client(make_server().uri)
        trace, parent, headers = caller()
        client.action("HealthCheck", headers=headers)
        [span] = receiver.wait_for(trace, {"DoAction"})
        assert (span.parent, span.service) == (parent, "named by a variable")
        client.close()


def test_a_setting_wins_over_its_variable(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OtlpReceiver() as by_setting, OtlpReceiver() as by_variable:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", by_variable.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", by_variable.endpoint)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "named by a variable")
        server = make_server(traced(by_setting, service_name="named by a setting"))
        client = Client(server.uri)
        trace, _, headers = caller()
        client.action("HealthCheck", headers=headers)
        [span] = by_setting.wait_for(trace, {"DoAction"})
        assert span.service == "named by a setting"
        client.close()
        server.stop()
        assert by_variable.spans == []


def medians(plain: Client, with_traces: Client) -> tuple[float, float]:
    """What a call takes, in seconds. They take turns, so that what else the machine does hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(100):
        for client, taken in zip((plain, with_traces), times, strict=True):
            begin = time.perf_counter()
            client.action("HealthCheck", {})
            taken.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


def test_a_collector_that_is_away_costs_nothing(make_server: MakeServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{unused.getsockname()[1]}"
        plain = Client(make_server().uri)
        traced_server = make_server({"trace": {"endpoint": away, "protocol": "http/protobuf"}})
        with_traces = Client(traced_server.uri)
        # A call that waited for the collector would take much longer than a millisecond more.
        without, with_them = medians(plain, with_traces)
        assert with_them < without + 0.001
        plain.close()
        with_traces.close()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_says_nothing_costs_nothing(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    plain = Client(make_server().uri)
    # So that the queue is full most of the time.
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    with SilentCollector() as collector:
        trace = {"endpoint": collector.endpoint, "protocol": protocol}
        server = make_server({"trace": trace, "http": {"port": 0}})
        with_traces = Client(server.uri)
        with_traces.action("HealthCheck")
        eventually("the collector is asked", lambda: collector.connections > 0)
        without, with_them = medians(plain, with_traces)
        # Each of its answers would take ten seconds.
        assert with_them < 3 * without + 0.001
        assert Metrics(server.http)("trace_spans_total", fate="dropped") > 0
        plain.close()
        with_traces.close()
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < NOISE_SEC
