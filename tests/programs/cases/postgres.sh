# what: postgres: initdb, pgbench, parallel query, JIT, a restart; sums compared
# set: full
# limit: 600
# needs: setpriv psql /usr/lib/postgresql
#
# PostgreSQL has memory contexts: it takes blocks of doubling size, frees them a context at a time,
# and forks a process for each client on the postmaster's heap. JIT brings LLVM, a large C++ library
# loaded by dlopen in the middle of a session. It refuses to be root, so it runs as the user
# postgres then.
# shellcheck shell=bash disable=SC2154 # start() sets $server

bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_user=()
mkdir pg
if ((EUID == 0)); then
	as_user=(setpriv --reuid=postgres --regid=postgres --init-groups env "HOME=$CASE_WORK/pg")
	chown postgres: pg
fi
sql() { "${as_user[@]}" psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$CASE_WORK/pg" -d postgres "$@"; }
begin() {
	start "postgres$1.log" "${as_user[@]}" "$bin/postgres" -D "$CASE_WORK/pg/data" \
		-k "$CASE_WORK/pg" -c listen_addresses= -c fsync=off -c jit_above_cost=1000 \
		-c jit_inline_above_cost=2000 -c jit_optimize_above_cost=2000 -c work_mem=1MB \
		-c max_parallel_workers_per_gather=2 -c parallel_setup_cost=0 \
		-c min_parallel_table_scan_size=0 -c max_prepared_transactions=5
	wait_for 60 sql -c 'SELECT 1'
	probe "$server"
	probe "$(sql -c 'SELECT pg_backend_pid() FROM pg_sleep(0)' -c "SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'checkpointer'" | tail -n 1)" "postgres: checkpointer"
}

"${as_user[@]}" "$bin/initdb" -A trust -E UTF8 --locale=C --no-sync -D "$CASE_WORK/pg/data" \
	>initdb.log 2>&1 || { tail initdb.log >&2 && fail "initdb"; }
begin 1
bench=("${as_user[@]}" "$bin/pgbench" -h "$CASE_WORK/pg")
"${bench[@]}" -i -q -s 3 postgres >bench.log 2>&1
"${bench[@]}" -c 6 -j 2 -t 150 postgres >>bench.log 2>&1
"${bench[@]}" -c 4 -j 2 -t 100 -C -S -M prepared postgres >>bench.log 2>&1
grep -a 'transactions actually processed' bench.log
sql <<'SQL'
SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history),
	(SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers),
	(SELECT count(*) FROM pgbench_history);
CREATE TABLE t AS SELECT i, i * 7919 % 10007 AS k, md5(i::text) AS s,
	jsonb_build_object('n', i, 'a', ARRAY[i, i + 1], 's', repeat('x', i % 50)) AS j
	FROM generate_series(1, 120000) i;
CREATE INDEX ON t (i);
CREATE INDEX ON t (k);
CREATE INDEX ON t USING gin (j);
ANALYZE t;
SELECT count(*), sum(k), md5(string_agg(s, '' ORDER BY i)) FROM t;
SELECT k, count(*), sum(i::numeric * i) FROM t GROUP BY k ORDER BY 3 DESC LIMIT 10;
SELECT count(*), sum(a.i) FROM t a JOIN t b ON a.k = b.k AND a.s < b.s;
SELECT count(*) FROM t WHERE j @> '{"a": [77]}';
SELECT sum((j ->> 'n')::int), max(length(j ->> 's')) FROM t WHERE s ~ '^[a-f]+[0-9]{2}';
SELECT sum(sqrt(i) * sin(k))::numeric(20, 3) FROM t WHERE k % 3 = 1 AND i % 7 < 5;
WITH RECURSIVE f(n, a, b) AS (SELECT 1, 0::numeric, 1::numeric UNION ALL
	SELECT n + 1, b, a + b FROM f WHERE n < 2000) SELECT md5(string_agg(b::text, ',')) FROM f;
DO $$ BEGIN
	FOR n IN 1..3000 LOOP
		BEGIN
			EXECUTE format('SELECT %s / (%s %% 3)', n, n);
		EXCEPTION WHEN division_by_zero THEN
			UPDATE t SET s = s || 'z' WHERE i = n;
		END;
	END LOOP;
END $$;
SELECT count(*) FROM t WHERE s LIKE '%z';
SELECT pg_jit_available();
VACUUM FULL t;
SQL
# Many sessions at once, each a process of its own.
for i in 1 2 3 4 5 6; do
	sql -c "SELECT $i, md5(string_agg(s, '' ORDER BY s)) FROM t WHERE k % 6 = $i - 1" &
done | sort
"${as_user[@]}" "$bin/pg_dump" -h "$CASE_WORK/pg" -t t postgres | grep -v '^[\\]' | sha256sum
stop "$server" INT

begin 2
sql -c 'SELECT count(*), sum(k), md5(string_agg(s, $$$$ ORDER BY i)) FROM t'
stop "$server" INT
grep -ahE 'PANIC|terminated by signal' postgres?.log || :
echo stopped
