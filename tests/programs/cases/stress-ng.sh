# what: stress-ng: its malloc, bigheap and fork stressors, verifying
# set: quick
# limit: 300
# needs: stress-ng
#
# Bounded by operations, not by time, and by an address space that bigheap would otherwise fill.
# stress-ng also tries the odd corners of the interface: malloc_trim, mallopt, calloc overflow,
# aligned_alloc with alignments nobody asks for, and what happens when nothing is left.
# shellcheck shell=bash

run() {
	# The report says what was stressed and whether it went well; counts and times are left out.
	stress-ng --no-rand-seed --verify --temp-path "$CASE_WORK/tmp" --timeout 60 "$@" 2>&1 |
		tee -a stress-ng.log | sed -nE 's/^stress-ng: //; s/\[[0-9]+\] *//; /^(fail|error|warn)/p; s/^info: *(dispatching|successful|unsuccessful)/\1/p' |
		sed -E 's/in [0-9.]+s.*//'
}

run --malloc 2 --malloc-ops 40000
run --malloc 1 --malloc-pthreads 4 --malloc-ops 40000 --malloc-bytes 64K --malloc-touch
run --malloc 1 --malloc-ops 20000 --malloc-max 256 --malloc-bytes 8M
run --malloc 1 --malloc-ops 20000 --malloc-zerofree --malloc-thresh 1M
run --fork 2 --fork-ops 2000
run --vfork 1 --vfork-ops 500
run --memthrash 1 --memthrash-ops 4
run --hsearch 1 --hsearch-ops 10
run --tree 1 --tree-ops 4
(
	ulimit -v 6000000
	run --bigheap 1 --bigheap-growth 64K --bigheap-ops 4000
)
probe_bound stress-ng --malloc 1 --malloc-ops 10
