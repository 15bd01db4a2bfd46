"""The errors that the protocol promises, and how a client sees them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

import pyarrow as pa
import pyarrow.flight as fl

RETRY_HERE = 0x10000
RETRY_OTHER = 0x20000


class Code(IntEnum):
    """Numbers on the wire, retry advice included."""

    UNKNOWN = 0
    BAD_ARGUMENT = 1
    BAD_REQUEST = 2
    UNSUPPORTED_SERVICE = 3
    INVALID_TICKET = 4
    COMMAND_FAILED = 5
    COMMAND_CANCELLED = 6
    COMMAND_CANCEL_NOT_POSSIBLE = 7
    COMMAND_RESULT_CONSUMED = 8
    TIMEOUT = 100
    POLL = 101 | RETRY_HERE
    BACKPRESSURE = 102 | RETRY_HERE | RETRY_OTHER
    ALREADY_EXISTS = 200
    NOT_FOUND = 201
    UNAUTHENTICATED = 202
    PERMISSION_DENIED = 203
    RESOURCE_EXHAUSTED = 204
    INTERNAL_ERROR = 500 | RETRY_OTHER
    NOT_READY = 501 | RETRY_HERE | RETRY_OTHER
    SHUTTING_DOWN = 502 | RETRY_OTHER
    NOT_IMPLEMENTED = 503


@dataclass
class WireError:
    """One error as it came: filled when the block of `expect_error` has raised."""

    code: int = -1
    message: str = ""
    detail: str = ""
    body: bytes = b""
    exception: Exception = field(default_factory=Exception)


def parse_error(error: Exception) -> WireError:
    """Reads the error JSON, and checks the layout and the sizes that clients depend on."""
    extra = getattr(error, "extra_info", None)
    assert extra, f"no error JSON came with {error!r}"
    assert len(extra) < 6 * 1024
    document = json.loads(extra)
    assert set(document) == {"msg", "detail", "code", "body"}
    detail = document["detail"] or ""
    assert isinstance(document["msg"], str)
    assert isinstance(document["code"], int)
    assert 0 < len(document["msg"]) <= 256
    assert len(detail) <= 512
    for text in (document["msg"], detail):
        assert "Stack Trace" not in text
        assert "/modules/" not in text, "a source file's name is no business of callers"
    # What pyarrow shows of the error begins with what the server said.
    assert str(error).startswith(document["msg"]), str(error)
    body = base64.b64decode(document["body"], validate=True) if document["body"] else b""
    return WireError(document["code"], document["msg"], detail, body, error)


# What pyarrow raises; its GetSchema raises the last three, without the error JSON.
ERRORS = (fl.FlightError, pa.ArrowException, KeyError, NotImplementedError)


@contextmanager
def expect_error(*codes: Code, message: str = "", detail: str = "") -> Iterator[WireError]:
    """The block must raise an error with one of these codes, and with these texts in it."""
    seen = WireError()
    try:
        yield seen
    except ERRORS as error:
        seen.__dict__.update(parse_error(error).__dict__)
    else:
        raise AssertionError(f"no error came, though {[code.name for code in codes]} was due")
    assert seen.code in codes, f"{seen.code} is none of {codes!r}: {seen.message} {seen.detail}"
    assert message in seen.message, seen.message
    assert detail in seen.detail, seen.detail
