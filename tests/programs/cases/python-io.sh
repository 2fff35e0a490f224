# what: python's own tests: files, archives, mmap, mail, http, ssl, imports
# set: full
# limit: 2400
# needs: /usr/bin/python3 /usr/lib/python3.11/test/test_json
#
# Large buffers, and the C libraries behind the modules.
# shellcheck shell=bash

modules=(
	test_io test_bufio test_file test_fileio test_fileinput test_tempfile test_tarfile
	test_zipfile test_gzip test_dbm test_mmap test_mailbox test_shutil
	test_pathlib test_ssl test_httplib test_httpservers test_ftplib test_logging test_email
	test_import test_importlib test_unittest test_resource
)
/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/../pytests.py" 2 "${modules[@]}"
