#!/usr/bin/env bash
# silent.sh LIBRARY PROGRAM: PROGRAM, with LIBRARY preloaded, ends with 0 and writes nothing on stderr.
set -u
errors=$(LD_PRELOAD="$1" "$2" 2>&1 >/dev/null)
code=$?
if [ $code -ne 0 ] || [ -n "$errors" ]; then
	echo "FAIL: $(basename "$2") ended with $code and wrote: $errors"
	exit 1
fi
echo "PASS: $(basename "$2") was left alone"
