#!/bin/sh
# Runs a program that has a sanitizer, without address randomisation where the machine lets it: the
# sanitizers of g++ 12 and clang 14 cannot place their shadow under a recent kernel's randomisation.
if setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
  exec setarch "$(uname -m)" --addr-no-randomize "$@"
fi
exec "$@"
