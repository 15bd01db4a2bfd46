"""The same from Python, with nothing but pyarrow: a command is JSON, and the answer an Arrow table."""

import json
import sys

import pyarrow.flight as flight

client = flight.connect(sys.argv[1] if len(sys.argv) > 1 else "grpc://127.0.0.1:17001")
command = {
    "service": "sql",
    "payload": {
        "query": "SELECT airline, delay_min, in_wind - in_calm AS wind_costs_min "
        "FROM delays WHERE flights > 10000 ORDER BY wind_costs_min DESC",
        "inputs": {"delays": {"path": ["demo", "delays"]}},
    },
}
info = client.get_flight_info(flight.FlightDescriptor.for_command(json.dumps(command)))
for row in client.do_get(info.endpoints[0].ticket).read_all().to_pylist():
    print(
        f"{row['airline']:26} {row['delay_min']:5.1f} min, wind adds {row['wind_costs_min']:4.1f}"
    )
