# what: python's own tests: objects, strings, json, re, gc, all of it by malloc
# set: quick
# limit: 600
# needs: /usr/bin/python3 /usr/lib/python3.11/test/test_json
#
# With PYTHONMALLOC=malloc every object is a block of ours; as a rule Python only asks for its arenas
# and for what is larger than 512 bytes.
# shellcheck shell=bash

modules=(
	test_json test_re test_dict test_list test_tuple test_set test_gc test_weakref
	test_unicode test_array test_struct test_deque test_ordered_dict test_memoryview
	test_zlib test_heapq test_itertools test_generators test_fork1 test_ctypes
)
PYTHONMALLOC=malloc /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/../pytests.py" 2 "${modules[@]}"
