# shellcheck shell=bash
#
# What the tests of the kmem command share. Sourced; KMEM, LIBKMEM, REPORT, HELD and BUSY come with
# the environment.

# shellcheck disable=SC2034
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DIR=$(mktemp -d) || exit 1
CHILDREN=()
trap 'end_all; rm -rf "$DIR"' EXIT
unset LD_PRELOAD KMEM_OPTIONS

fail()
{
	echo "FAIL: $*"
	exit 1
}

skip()
{
	echo "SKIP: $*"
	exit 77
}

end_all()
{
	[ ${#CHILDREN[@]} = 0 ] && return
	kill -KILL "${CHILDREN[@]}" 2>/dev/null
	wait "${CHILDREN[@]}" 2>/dev/null
}

# start COMMAND...: in the background, its number in PID, its output in $DIR/output.
start()
{
	"$@" >>"$DIR/output" 2>&1 </dev/null &
	PID=$!
	CHILDREN+=("$PID")
}

state_of()
{
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	echo "${stat%% *}"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
	local end=$((SECONDS + $1))
	shift

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

is_stopped()
{
	[ "$(state_of "$1")" = T ]
}

has_ended()
{
	case $(state_of "$1") in
	'' | Z | X) ;;
	*) false ;;
	esac
}

is_asleep()
{
	[ "$(state_of "$1")" = S ]
}

# quiet COMMAND...: must succeed and say nothing on standard error.
quiet()
{
	"$@" 2>"$DIR/error" || fail "exit code $? of: $* ($(cat "$DIR/error"))"
	[ ! -s "$DIR/error" ] || fail "said by $*: $(cat "$DIR/error")"
}

# refused CODE COMMAND...: must end with CODE and one line of complaint.
refused()
{
	local code=$1 rc
	shift

	"$@" >"$DIR/out" 2>"$DIR/error"
	rc=$?
	[ "$rc" = "$code" ] || fail "exit code $rc, not $code, of: $* ($(cat "$DIR/error"))"
	if [ "$(wc -l <"$DIR/error")" != 1 ] || ! grep -q '^kmem: ' "$DIR/error"; then
		fail "not one line of complaint by: $* ($(cat "$DIR/error"))"
	fi
	echo "ok, $code: $(cat "$DIR/error")"
}

# kernel_core PID: a stopped process ends with a core, which CORE names then.
kernel_core()
{
	local pattern

	pattern=$(cat /proc/sys/kernel/core_pattern)
	case $pattern in
	'|'* | */* | *%* | '') return 1 ;;
	esac
	# Pending when it goes on: so it ends where it stood. (A shell's child ignores SIGQUIT.)
	kill -XCPU "$1" && kill -CONT "$1"
	wait_for 20 has_ended "$1" || return 1
	for CORE in "$DIR/$pattern" "$DIR/$pattern.$1"; do
		[ -s "$CORE" ] && return 0
	done
	return 1
}

# gdb_core PID: the same by gdb, and the process stays.
gdb_core()
{
	command -v gdb >/dev/null || return 1
	CORE=$DIR/gdb.core
	gdb -nx -batch -p "$1" -ex "generate-core-file $CORE" >"$DIR/gdb.out" 2>&1
	[ -s "$CORE" ]
}
