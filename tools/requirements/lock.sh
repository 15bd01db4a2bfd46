#!/usr/bin/env bash
# Resolves dev.in and bench.in into dev.txt and bench.txt: every package with its version and the
# checksums of its files. Run it after changing an .in file, and commit both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install -q uv
for name in dev bench; do
  "$venv/bin/uv" pip compile -q --generate-hashes --python-version 3.11 --no-header --no-annotate \
    "$name.in" -o "$name.txt"
done
