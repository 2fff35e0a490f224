# what: python's own tests: threads, futures, asyncio, thread-local data
# set: full
# limit: 2400
# needs: /usr/bin/python3 /usr/lib/python3.11/test/test_json
#
# Threads that come and go, and objects that die in another thread than made them.
# shellcheck shell=bash

modules=(
	test_thread test_threading test_threading_local test_threadsignals test_threadedtempfile
	test_concurrent_futures test_asyncio test_context test_sched
	test_select test_selectors test_socket test_signal test_eintr
)
/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/../pytests.py" 2 "${modules[@]}"
