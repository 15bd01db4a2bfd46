#!/usr/bin/env bash
# What tools can check, by tools. Runs all checks, or the one named, and fails if one fails.
#
#   run.sh [--tidy] [format|tree|headers|python|tidy]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
python=.deps/venv/bin/python
build=build/release

files_named() { git ls-files --cached --others --exclude-standard "$@" | xargs -r ls -d 2>/dev/null; }

check_format() { files_named '*.cc' '*.h' | xargs -r clang-format --dry-run --Werror; }

check_tree() {
  if [[ -f $build/compile_commands.json ]]; then
    "$python" tools/lint/check_tree.py --build-dir "$build"
  else
    "$python" tools/lint/check_tree.py
  fi
}

# Each header of the SDK compiles alone.
check_headers() {
  mkdir -p build
  flock "$build.lock" sh -c "
    [ -f '$build/build.ninja' ] || cmake --preset release >/dev/null
    cmake --build '$build' --target sdk_headers"
}

check_python() {
  local code=0 sources
  "$python" -m ruff format --check . || code=1
  "$python" -m ruff check . || code=1
  sources=$(files_named '*.py')
  # Several folders may each have a script of one name; --scripts-are-modules would mix them up.
  # shellcheck disable=SC2086
  [[ -z $sources ]] || "$python" -m mypy --explicit-package-bases $sources || code=1
  return $code
}

# Files that are not in the release build (examples, fuzz drivers) have no compile command. The commands
# are the compiler's, with a precompiled header and warnings that clang does not know.
check_tidy() {
  mkdir -p build/tidy
  "$python" - "$build/compile_commands.json" build/tidy/compile_commands.json <<'PY' |
import json, os, re, sys
entries = json.load(open(sys.argv[1]))
for entry in entries:
    command = re.sub(r" -Winvalid-pch| -include \S+/cmake_pch\.hxx", "", entry["command"])
    entry["command"] = command + " -Wno-unknown-warning-option"
    name = os.path.relpath(entry["file"])
    if not name.startswith(("build", "..")) and not name.endswith("_test.cc"):
        print(name)
json.dump(entries, open(sys.argv[2], "w"))
PY
    sort -u | xargs -P 2 -n 4 clang-tidy -p build/tidy --quiet
}

checks=()
for word in "$@"; do
  case $word in
    --tidy) checks+=(format tree headers python tidy) ;;
    format | tree | headers | python | tidy) checks+=("$word") ;;
    *)
      echo "lint: a check is one of format, tree, headers, python, tidy" >&2
      exit 2
      ;;
  esac
done
((${#checks[@]})) || checks=(format tree headers python)

failed=()
for check in "${checks[@]}"; do
  echo "-- $check"
  "check_$check" || failed+=("$check")
done
if ((${#failed[@]})); then
  echo "lint: failed: ${failed[*]}" >&2
  exit 1
fi
