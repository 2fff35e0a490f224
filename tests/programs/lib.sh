# What the cases share. The driver sources this file and then the case, in one bash with the
# preload already in its environment: the shell, its helpers and the program under test all run on
# the library.
#
# shellcheck shell=bash
#
# The driver hands over, in the environment:
#   CASE_ROOT   the project's source tree
#   CASE_WORK   an empty directory, also the current one, the same path in both runs
#   CASE_SIDE   plain or preload
#   CASE_LIB    the library
#   CASE_KEEP   a directory that lives on from the plain run to the preloaded one
#   CASE_PROBE, CASE_NOTES   files for probe() and note()

set -eu -o pipefail
umask 022

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# A line for the reader of the driver's report; it is not compared.
note() { printf '%s\n' "$*" >>"$CASE_NOTES"; }

# Records whether the library is mapped in process PID.
probe() { # PID [LABEL]
	local answer=no
	grep -qsF "$CASE_LIB" "/proc/$1/maps" && answer=yes
	echo "$answer ${2:-$(tr '\0' ' ' <"/proc/$1/cmdline")} (maps of $1)" >>"$CASE_PROBE"
}

# The same for programs that are over too soon to look at: runs COMMAND once with the dynamic
# linker writing down its bindings, and asks of every process whether malloc is the library's.
probe_bound() { # COMMAND...
	local trace answer=yes seen=0
	rm -f "$CASE_WORK"/bindings.*
	LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT=$CASE_WORK/bindings "$@" >/dev/null 2>&1 || :
	for trace in "$CASE_WORK"/bindings.*; do
		[[ -f $trace ]] || continue
		seen=$((seen + 1))
		# shellcheck disable=SC2016 # the quotes are the linker's
		grep -qF "to $CASE_LIB [0]: normal symbol \`malloc'" "$trace" || answer=no
	done
	((seen)) || answer=no
	rm -f "$CASE_WORK"/bindings.*
	echo "$answer $* (bindings of malloc in $seen processes)" >>"$CASE_PROBE"
}

# A port of the loopback interface that nobody listens on.
free_port() {
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!;
		print $s->sockport'
}

# Tries COMMAND until it succeeds, for at most SECONDS.
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || fail "waited in vain for: $*"
		sleep 0.1
	done
}

# Starts a server in the background, its output in LOG; its process id is in $server. Servers are
# ended when the case is over, whichever way it ends.
servers=()
start() { # LOG COMMAND...
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null &
	server=$!
	servers+=("$server")
}

# Ends a server of ours kindly and waits for it; its exit status is the caller's to judge.
stop() { # PID [SIGNAL]
	local status=0
	kill -s "${2:-TERM}" "$1" 2>/dev/null || :
	wait "$1" || status=$?
	return "$status"
}

end_servers() {
	local pid
	for pid in "${servers[@]}"; do
		kill -TERM "$pid" 2>/dev/null || continue
		for _ in {1..50}; do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || :
	done
}
trap end_servers EXIT

probe $$ "the shell of the case"
