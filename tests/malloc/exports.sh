#!/usr/bin/env bash
# exports.sh LIBRARY LIST: the dynamic symbols that LIBRARY defines are those of LIST, neither more
# nor fewer, and none carries a version: a versioned malloc would not stand in for libc's.
set -u
library=$1
list=$2

actual=$(nm -D --defined-only "$library" | awk '{print $NF}' | sort) || exit 1
wanted=$(sed -e '/^#/d' -e '/^$/d' "$list" | sort)
if [ -z "$actual" ]; then
	echo "FAIL: nm finds no symbol in $library"
	exit 1
fi
status=0
while read -r name; do
	echo "FAIL: not exported: $name"
	status=1
done < <(comm -13 <(echo "$actual") <(echo "$wanted") | sed '/^$/d')
while read -r name; do
	echo "FAIL: exported, but not in the list: $name"
	status=1
done < <(comm -23 <(echo "$actual") <(echo "$wanted") | sed '/^$/d')

# weak or global functions; an object or a TLS symbol of that name would be of no use
while read -r address type name; do
	echo "FAIL: $name is no function (type $type at $address)"
	status=1
done < <(nm -D --defined-only "$library" | awk '$2 !~ /^[TWi]$/')

[ $status -eq 0 ] && echo "PASS: $(echo "$wanted" | wc -l) symbols"
exit $status
