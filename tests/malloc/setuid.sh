#!/usr/bin/env bash
# setuid.sh PROGRAM: a set-uid program ignores KMEM_OPTIONS, whose slabinfo= would otherwise let any
# user write a file as root. PROGRAM is linked with -static, since the dynamic linker drops LD_PRELOAD
# by itself. A copy owned by root with the set-uid bit is run as another user. Without root, or where
# the file system or the kernel does not honour the bit, the test is skipped and says so.
set -u
program=$1
user=65534

skip() {
	echo "SKIP: $1"
	exit 77
}

[ "$(id -u)" -eq 0 ] || skip "needs root to make a set-uid program"
command -v setpriv >/dev/null || skip "needs setpriv"
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
chmod 755 "$directory"
mkdir "$directory/open" && chmod 777 "$directory/open"
cp "$program" "$directory/plain" && cp "$program" "$directory/setuid" || exit 1
chown 0:0 "$directory/setuid"
chmod 755 "$directory/plain"
chmod 4755 "$directory/setuid"

# run NAME: the copy of that name, as the other user
run() {
	KMEM_OPTIONS="slabinfo=$directory/open/$1 nosuchoption=1" \
		setpriv --reuid=$user --regid=$user --clear-groups "$directory/$1" 2>"$directory/err"
}

said=$(run plain) || { echo "FAIL: the plain copy does not run"; cat "$directory/err"; exit 1; }
[ "$said" = plain ] || skip "a plain program is regarded as secure here"
if [ ! -s "$directory/open/plain" ]; then
	echo "FAIL: the plain copy wrote no slabinfo: the test would prove nothing"
	exit 1
fi
said=$(run setuid) || { echo "FAIL: the set-uid copy does not run"; cat "$directory/err"; exit 1; }
[ "$said" = secure ] || skip "the set-uid bit is not honoured here"
if [ -e "$directory/open/setuid" ]; then
	echo "FAIL: the set-uid copy obeyed KMEM_OPTIONS and wrote a file:"
	ls -l "$directory/open/setuid"
	exit 1
fi
if [ -s "$directory/err" ]; then
	echo "FAIL: the set-uid copy read KMEM_OPTIONS and wrote on stderr:"
	cat "$directory/err"
	exit 1
fi
echo "PASS: ignored in a set-uid program, obeyed in a plain one"
