#!/bin/sh
# run-fuzz.sh PROGRAM FOUND SEEDS: fuzzes for LONGBOW_FUZZ_SECONDS, keeps new inputs in FOUND, and the
# input of a failure beside it (FOUND-crash-...).
set -eu
program=$1 found=$2 seeds=$3
mkdir -p "$found"
exec "$program" -max_total_time="${LONGBOW_FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=2048 \
  -print_final_stats=1 -artifact_prefix="$found-" "$found" "$seeds"
