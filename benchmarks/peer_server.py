"""`gooddata-flight-server` with methods that keep what is put: a peer in the comparison.

Usage: peer_server.py PORT
"""

from __future__ import annotations

import os
import sys

import pyarrow as pa
import pyarrow.flight as flight
from gooddata_flight_server import FlightServerMethods, create_server


def key_of(descriptor: flight.FlightDescriptor) -> bytes:
    return b"/".join(descriptor.path or [])


class KeptTables(FlightServerMethods):  # type: ignore[misc]
    """Tables by path."""

    def __init__(self) -> None:
        self._tables: dict[bytes, pa.Table] = {}

    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        self._tables[key_of(descriptor)] = reader.read_all()

    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        key = key_of(descriptor)
        table = self._tables[key]
        endpoint = flight.FlightEndpoint(flight.Ticket(key), [])
        return flight.FlightInfo(table.schema, descriptor, [endpoint], table.num_rows, -1)

    def do_get(
        self, context: flight.ServerCallContext, ticket: flight.Ticket
    ) -> flight.RecordBatchStream:
        return flight.RecordBatchStream(self._tables[ticket.ticket])


def main() -> None:
    # Its settings come from the environment only; ports of its other endpoints stay closed.
    os.environ["GOODDATA_FLIGHT_SERVER__LISTEN_HOST"] = "127.0.0.1"
    os.environ["GOODDATA_FLIGHT_SERVER__LISTEN_PORT"] = sys.argv[1]
    server = create_server(KeptTables())
    server.start()
    server.wait_for_stop()


if __name__ == "__main__":
    main()
