# what: clang and clang++ compile this project and templates; objects identical to the byte
# set: full
# limit: 600
# needs: clang clang++ cmake ninja perl
#
# clang takes nearly all of its memory by operator new, with sized and aligned delete, from one large
# C++ library.
# shellcheck shell=bash

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../compile.sh"
compile_project clang clang++
compile_templates clang++
clang -O2 -c -Wall -Wextra -o bad.o -x c - <<'C' 2>&1 | grep -c warning
int f(int unused) { int x; return x; }
C
probe_bound clang -O2 -c -o probe.o -x c - <<<'int x;'
