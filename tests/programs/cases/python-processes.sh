# what: python's own tests: subprocess, multiprocessing by fork, spawn and server
# set: full
# limit: 2400
# needs: /usr/bin/python3 /usr/lib/python3.11/test/test_json
#
# fork() with other threads running, and a great many interpreters starting and ending.
# shellcheck shell=bash

modules=(
	test_subprocess test_multiprocessing_fork test_multiprocessing_forkserver
	test_multiprocessing_spawn test_multiprocessing_main_handling test_os test_posix
	test_popen test_pty test_wait3 test_wait4 test_atexit test_cmd_line test_cmd_line_script
	test_runpy test_venv
)
/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/../pytests.py" 2 "${modules[@]}"
