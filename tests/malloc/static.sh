#!/usr/bin/env bash
# static.sh PROGRAM: run a program that is linked with the archive. That its malloc is the library's
# shows in the slabinfo it writes at exit, where its 1000 blocks of 208 bytes are live in the cache
# kmalloc-224, and in the program itself, which asks the dynamic linker for no such library.
set -u
program=$1
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT

if readelf -d "$program" 2>/dev/null | grep -q 'NEEDED.*libkmem'; then
	echo "FAIL: $program needs the shared library"
	exit 1
fi
if ! (unset LD_PRELOAD; KMEM_OPTIONS="slabinfo=$directory/slabinfo" "$program" >"$directory/out" 2>"$directory/err"); then
	echo "FAIL: $program"
	cat "$directory/out" "$directory/err"
	exit 1
fi
if [ ! -s "$directory/slabinfo" ]; then
	echo "FAIL: $program wrote no slabinfo: its malloc is not the library's"
	exit 1
fi
live=$(awk '$1 == "kmalloc-224" {print $2}' "$directory/slabinfo")
if [ "${live:-0}" -lt 1000 ]; then
	echo "FAIL: ${live:-no} live objects in kmalloc-224, not 1000"
	cat "$directory/slabinfo"
	exit 1
fi
if [ -s "$directory/err" ]; then
	echo "FAIL: $program wrote on stderr:"
	cat "$directory/err"
	exit 1
fi
echo "PASS: $live live objects"
