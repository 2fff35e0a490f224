# SPDX-License-Identifier: MIT
# A PostgreSQL server under load: the row postgres of bench/compare.
#
#   postgres.sh INPUTS DIRECTORY WORK make     once: a cluster to start from, with pgbench's tables
#   postgres.sh INPUTS DIRECTORY WORK fresh    before each run: a copy of it
#   postgres.sh INPUTS DIRECTORY WORK          the run
#
# The server is one process for each session, all forked from the one that is measured, which waits
# for them: their time is in its own, and the peak is that of the largest. psql and pgbench run
# beside it. PostgreSQL refuses to be root, so root becomes the user that Debian's package made.
# Nothing happens by the clock: no autovacuum, no checkpoint but the last.
# shellcheck shell=sh
# shellcheck source=bench/inputs/server.sh
. "$1/server.sh"
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
place=$dir/postgres
user=''
[ "$(id -u)" != 0 ] ||
	user='setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all'

sql() { "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$place" -U postgres postgres "$@"; }

bench() {
	"$bin/pgbench" -n --random-seed=1 -h "$place" -U postgres "$@" postgres
}

# shellcheck disable=SC2086 # an empty $user is no word
start() { # CLUSTER
	exec $user "$bin/postgres" -D "$place/$1" -k "$place" -c listen_addresses= \
		-c fsync=off -c full_page_writes=off -c autovacuum=off -c max_wal_size=4GB \
		-c checkpoint_timeout=1d -c shared_buffers=16MB -c jit=off -c max_connections=20 \
		-c max_parallel_workers_per_gather=0 -c log_min_messages=fatal
}

fill() {
	ready sql -c 'SELECT 1'
	"$bin/pgbench" -i -q -s 2 -h "$place" -U postgres postgres
	sql -c CHECKPOINT
	kill -INT "$server"
}

load() {
	ready sql -c 'SELECT 1'
	# Sessions that stay, and sessions that come for one statement.
	bench -c 4 -t $((work + 1))
	bench -c 4 -t $((work + 1)) -S -C
	# Sorting, hashing, aggregates, documents.
	sql -v "rows=$((150 * work + 100))" -f "$inputs/queries.sql"
	sql -c 'SELECT 1 / ((SELECT sum(abalance) FROM pgbench_accounts) =
		(SELECT sum(delta) FROM pgbench_history))::int'
	kill -INT "$server"
}

case ${4-run} in
make)
	mkdir "$place"
	# The user must get there, past the private directory of the comparison.
	chmod a+x "$dir"
	[ -z "$user" ] || chown postgres: "$place"
	cd "$place"
	# shellcheck disable=SC2086
	$user "$bin/initdb" -A trust -U postgres -E UTF8 --locale=C --no-sync -D "$place/made"
	beside fill
	start made
	;;
fresh)
	rm -rf "$place/data"
	cp -a "$place/made" "$place/data"
	;;
run)
	cd "$place"
	beside load
	start data
	;;
esac
