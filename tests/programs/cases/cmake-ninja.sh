# what: cmake configures this project and ninja builds it; every object and the library identical
# set: quick
# limit: 600
# needs: cmake ninja gcc g++ perl
#
# All of a build on the library at once: cmake, ninja, the shell, compilers, assembler and linker
# (cmake configures the whole project, ninja builds what the library needs).
# shellcheck shell=bash

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../compile.sh"
take_source
if ! {
	cmake -S source -B build -G Ninja -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++ \
		-DCMAKE_BUILD_TYPE=Release '-DCMAKE_C_FLAGS_RELEASE=-O2 -g' \
		'-DCMAKE_CXX_FLAGS_RELEASE=-O2 -g' && ninja -C build -j 2 LD_PRELOAD/all
} >build.log 2>&1; then
	tail -n 20 build.log >&2
	fail "the build failed"
fi
objects build
find build -name 'libkmem.so.*' -type f -exec sha256sum {} +
ninja -C build LD_PRELOAD/all | grep -o 'no work to do'
probe_bound cmake --version
probe_bound ninja --version
