# what: python's own tests: the rest of the built-in types, codecs, pickle, numbers
# set: full
# limit: 2400
# needs: /usr/bin/python3 /usr/lib/python3.11/test/test_json
#
# As a rule: Python's own allocator, over arenas it maps itself, with malloc for what is larger.
# shellcheck shell=bash

modules=(
	test_bytes test_buffer test_builtin test_bisect test_bool test_bz2
	test_codecs test_collections test_complex test_copy test_coroutines test_csv
	test_datetime test_decimal test_defaultdict test_descr test_dictviews test_enum
	test_exceptions test_finalization test_float test_format test_fractions test_functools
	test_hash test_hashlib test_hmac test_int test_iter test_long test_lzma test_marshal
	test_math test_memoryio test_minidom test_multibytecodec test_pickle test_picklebuffer
	test_pickletools test_pyexpat test_queue test_random test_range test_sax test_shelve
	test_slice test_sort test_statistics test_string test_super test_types test_typing
	test_unicodedata test_userdict test_xml_etree test_xml_etree_c test_zoneinfo test_ast
	test_compile test_dis test_grammar test_inspect test_syntax test_tokenize test_traceback
	test_tracemalloc test_faulthandler
)
/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/../pytests.py" 2 "${modules[@]}"
