# what: gcc and g++ compile this project and templates; objects identical to the byte
# set: quick
# limit: 600
# needs: gcc g++ cmake ninja perl
#
# cc1 is millions of small blocks with a collector of its own above; as and ld read and write large
# ones. With -flto the linker starts compilers that stream their heaps to each other.
# shellcheck shell=bash

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../compile.sh"
compile_project gcc g++
compile_templates g++
g++ -std=c++17 -O2 -flto=2 templates.cc -o templates-lto
./templates-lto
gcc -O2 -fanalyzer -S -o analyzer.s -x c - <<'C' 2>&1 | grep -o 'warning: double-.free. of .p.'
#include <stdlib.h>
void twice(int n) { char *p = malloc(n); if (p && n > 3) free(p); free(p); }
C
probe_bound gcc -O2 -c -o probe.o -x c - <<<'int x;'
