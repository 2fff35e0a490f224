# shellcheck shell=bash
#
# What the tests of the kmem command share: targets, screens, and counting what failed.
#
# A screen is a window of a tmux server of the test's own, so that what is tested is what a terminal
# shows, whatever bytes made it.

FAILED=0
DIRECTORY=$(mktemp -d) || exit 1
TARGETS=()

pass()
{
	echo "ok   $*"
}

fail()
{
	echo "FAIL $*"
	FAILED=$((FAILED + 1))
}

# check TEXT COMMAND...: whether the command succeeds.
check()
{
	local text=$1

	shift
	if "$@"; then
		pass "$text"
	else
		fail "$text"
	fi
}

# wait_for COMMAND...: until it succeeds, thirty seconds at most.
wait_for()
{
	local i

	for ((i = 0; i < 600; i++)); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

# start_target PROGRAM LIBRARY [PREFIX...]: TARGET is its process, and lines written to descriptor 7
# are its input. It is ready when it says so.
start_target()
{
	local program=$1 library=$2

	shift 2
	# What the one before said must not be taken for this one's word.
	rm -f "$DIRECTORY/in" "$DIRECTORY/out"
	mkfifo "$DIRECTORY/in" || exit 1
	"$@" env LD_PRELOAD="$library" "$program" <"$DIRECTORY/in" >"$DIRECTORY/out" &
	TARGET=$!
	TARGETS+=("$TARGET")
	exec 7>"$DIRECTORY/in"
	wait_for grep -qs '^ready$' "$DIRECTORY/out" || fail "$program does not get ready"
}

# ---- Screens

SCREENS=0

screen()
{
	# The server stays: it must not keep the target's input open.
	tmux -L "kmem-test-$$-$SCREENS" -f /dev/null "$@" 7>&- 8>&-
}

# open_screen WIDTH HEIGHT COMMAND: run it in a window of that size.
open_screen()
{
	# A server of its own: the one before may still be ending.
	SCREENS=$((SCREENS + 1))
	TERM=xterm screen new-session -d -x "$1" -y "$2" "$3" || fail "no screen for: $3"
}

shown()
{
	screen capture-pane -p 2>/dev/null
}

shows()
{
	shown | grep -Eq -- "$1"
}

press()
{
	screen send-keys "$1"
}

cleanup()
{
	local pid

	screen kill-server 2>/dev/null
	for pid in "${TARGETS[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$DIRECTORY"
}
trap cleanup EXIT

finish()
{
	echo "$FAILED failures"
	exit $((FAILED != 0))
}
