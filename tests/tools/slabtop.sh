#!/usr/bin/env bash
# slabtop.sh KMEM LIBRARY HOLDER CACHES: the system's slabtop on a process, by `kmem slabtop` and by hand.
# CACHES is a program with some hundred caches of its own.
set -u
kmem=$1 library=$2 holder=$3 caches=$4
# shellcheck source=tests/tools/screen.sh
. "$(dirname "${BASH_SOURCE[0]}")/screen.sh"

# What the program's rows must be, by slabtop's own columns: objects, active, slabs, name.
expected()
{
	"$kmem" slabinfo "$TARGET" | tail -n +3 | awk '{ print $3, $2, $15, $1 }' | sort
}

rows()
{
	tail -n +8 | awk 'NF { print $1, $2, $5, $8 }' | sort
}

# in_order KEY FILE: whether slabtop sorted as it was told to, by the column that the key is about.
in_order()
{
	local column

	column=$(case $1 in a) echo 2 ;; b) echo 6 ;; c) echo 7 ;; l) echo 5 ;; n) echo 8 ;;
		o) echo 1 ;; s) echo 4 ;; u) echo 3 ;; *) echo 0 ;; esac)
	[ "$column" = 0 ] && return 0
	tail -n +8 "$2" | awk -v column="$column" '
		{ sub("%", ""); sub("K", "", $4); sub("K", "", $7) }
		{ value = $column }
		NR > 1 && (column == 8 ? value < last : value + 0 > last + 0) { exit 1 }
		{ last = value }'
}

# shows_all LABEL [PREFIX...]: slabtop --once has every cache, and is sorted each way.
shows_all()
{
	local label=$1 key

	shift
	for key in a b c l n o p s u v; do
		"$@" "$kmem" slabtop "$TARGET" --once --sort="$key" >"$DIRECTORY/slabtop" \
			2>"$DIRECTORY/error"
		check "$label: sort $key: exit code" [ $? = 0 ]
		check "$label: sort $key: says nothing" [ ! -s "$DIRECTORY/error" ]
		check "$label: sort $key: every cache" [ "$(rows <"$DIRECTORY/slabtop")" = "$(expected)" ]
		check "$label: sort $key: in order" in_order "$key" "$DIRECTORY/slabtop"
		check "$label: sort $key: kmem top shows the same" cmp -s "$DIRECTORY/slabtop" <(
			"$kmem" top --once --sort "$key" "$TARGET"
		)
	done
}

start_target "$caches" "$library"
check "the program has many caches" [ "$(expected | wc -l)" -ge 340 ]
shows_all "many caches"
exec 7>&-

start_target "$holder" "$library"
check "the program has caches" [ "$(expected | wc -l)" -ge 40 ]
shows_all "own user"

# By hand, as the kernel's interface is described, on the file that kmem slabinfo writes.
"$kmem" slabinfo "$TARGET" >"$DIRECTORY/slabinfo"
unshare -rm sh -c "mount --bind '$DIRECTORY/slabinfo' /proc/slabinfo && slabtop -o" \
	>"$DIRECTORY/slabtop"
(trap '' CHLD; exec "$kmem" slabtop "$TARGET" -o) >"$DIRECTORY/slabtop.2" 2>"$DIRECTORY/error"
check "started without SIGCHLD: exit code" [ $? = 0 ]
check "started without SIGCHLD: the same" cmp -s "$DIRECTORY/slabtop" "$DIRECTORY/slabtop.2"
check "by hand: every cache" [ "$(rows <"$DIRECTORY/slabtop")" = "$(expected)" ]

# ---- As nobody in particular

if [ "$(id -u)" = 0 ]; then
	# Somebody else may not see where this project lies.
	chmod 755 "$DIRECTORY"
	cp -L "$kmem" "$library" "$holder" "$DIRECTORY/"
	own_kmem=$kmem own_target=$TARGET
	kmem=$DIRECTORY/${kmem##*/}
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	exec 8>&7
	start_target "$DIRECTORY/${holder##*/}" "$DIRECTORY/${library##*/}" "${nobody[@]}"
	wait_for eval '"$kmem" slabinfo "$TARGET" >/dev/null 2>&1'
	"${nobody[@]}" "$kmem" slabtop "$TARGET" -o >"$DIRECTORY/slabtop"
	check "nobody: exit code" [ $? = 0 ]
	check "nobody: every cache" [ "$(rows <"$DIRECTORY/slabtop")" = "$(expected)" ]

	# Where there are no user namespaces: one of our own in which their number is 0.
	# shellcheck disable=SC2016
	unshare -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
		exec setpriv --bounding-set=-all --inh-caps=-all sh -c "$@"' sh '
			LD_PRELOAD=$2 sleep 100 &
			while kill -0 $! && ! "$1" slabinfo $! >/dev/null 2>&1; do sleep 0.1; done
			"$1" slabtop $! -o
			code=$?
			kill $!
			exit $code' sh "$kmem" "$library" >"$DIRECTORY/slabtop" 2>"$DIRECTORY/error"
	check "no user namespace: exit code" [ $? = 1 ]
	check "no user namespace: one line" grep -qx 'kmem: .*user namespace.*' "$DIRECTORY/error"
	check "no user namespace: only one" [ "$(wc -l <"$DIRECTORY/error")" = 1 ]
	kill "$TARGET"
	kmem=$own_kmem TARGET=$own_target
	exec 7>&8 8>&-
fi

# ---- Live

objects()
{
	shown | awk '$8 == "kmalloc-1024" { print $1 }'
}

grows_to()
{
	[ "$(objects)" -ge "$1" ] 2>/dev/null
}

mkdir "$DIRECTORY/tmp"
open_screen 100 60 "TMPDIR='$DIRECTORY/tmp' '$kmem' slabtop $TARGET --delay=1; echo exit code \$?; cat"
check "live: shows the program's caches" wait_for grows_to 20000
check "live: every cache" [ "$(shown | grep -c 'kmalloc-')" = "$(expected | wc -l)" ]
for more in 25000 30000; do
	echo >&7
	check "live: follows the program to $more objects" wait_for grows_to "$more"
done
check "live: leaves no file behind" rmdir "$DIRECTORY/tmp"
press q
check "live: q ends it" wait_for shows '^exit code 0$'
screen kill-server

open_screen 100 60 "'$kmem' slabtop $TARGET --delay=1; echo exit code \$?; stty -a; cat"
check "end: shows the program's caches" wait_for grows_to 30000
exec 7>&-
check "end: says that the program ended" wait_for shows "^kmem: $TARGET: .*ended"
check "end: exit code" wait_for shows '^exit code 3$'
check "end: the terminal is as before" wait_for shows ' icanon .* echo '
screen kill-server

# ---- What it refuses

refuses()
{
	local code=$1

	shift
	"$@" >"$DIRECTORY/refusal" 2>&1 </dev/null
	[ $? = "$code" ] && [ "$(wc -l <"$DIRECTORY/refusal")" = 1 ] &&
		grep -q '^kmem: ' "$DIRECTORY/refusal"
}
check "no process" refuses 2 "$kmem" slabtop
check "no such process" refuses 3 "$kmem" slabtop 4194305
check "no libkmem" refuses 5 "$kmem" slabtop $$
start_target "$holder" "$library"
mkdir "$DIRECTORY/empty"
check "no slabtop" refuses 1 env PATH="$DIRECTORY/empty" TMPDIR="$DIRECTORY/empty" \
	"$kmem" slabtop "$TARGET" -o
check "no slabtop: no file is left" rmdir "$DIRECTORY/empty"
check "no directory for the file" refuses 1 env TMPDIR=/nowhere "$kmem" slabtop "$TARGET" -o
finish
