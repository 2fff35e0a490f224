# SPDX-License-Identifier: MIT
# What the rows of servers share (redis.sh, memcached.sh, postgres.sh): how one shell becomes the
# server that is measured, while its client runs beside it and costs the row nothing but time. They are
# called with INPUTS DIRECTORY WORK.
# shellcheck shell=sh
set -eu
server=$$
inputs=$1 dir=$2 work=$3

# Runs a function of the caller's as the client. It is no child of the server: a server that waits
# for strangers would have the client's time counted as its own. It runs without the allocator, and
# if it fails, so does the row.
#
# The function may look at $library, which is empty if nothing is preloaded.
beside() { # FUNCTION
	library=${LD_PRELOAD-}
	unset LD_PRELOAD
	(
		(
			# Not "|| ...": the shell would then go on after what fails in there.
			set +e
			(
				set -e
				"$1"
			) >"$dir/client.log" 2>&1
			[ $? = 0 ] || {
				echo "the client failed: $(tail -n 3 "$dir/client.log")" >&2
				kill -KILL "$server"
			}
		) &
	)
	[ -z "$library" ] || export LD_PRELOAD="$library"
}

# Waits until COMMAND succeeds, then looks whether the server really runs on the allocator: a user
# that may not read the library, or a wrapper that cleans its environment, would pass unnoticed.
ready() { # COMMAND...
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || return 1
		sleep 0.01
	done
	[ -z "$library" ] || grep -qF "$library" "/proc/$server/maps" || {
		echo "the server runs without the allocator"
		return 1
	}
}
