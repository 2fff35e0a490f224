-- SPDX-License-Identifier: MIT
-- One session's work for the row postgres of bench/compare: psql -v rows=N.
CREATE TABLE t AS SELECT i, i * 7919 % 10007 AS k, md5(i::text) AS s,
	jsonb_build_object('n', i, 'a', ARRAY[i, i + 1], 's', repeat('x', i % 50)) AS j
	FROM generate_series(1, :rows) i;
CREATE INDEX ON t (s, k);
CREATE INDEX ON t USING gin (j);
SELECT count(*), sum(k), md5(string_agg(s, '' ORDER BY s)) FROM t;
SELECT k, count(*), sum(i::numeric * i), array_agg(s ORDER BY s) FROM t GROUP BY k
	ORDER BY 3 DESC LIMIT 10;
SELECT count(*), sum(a.i) FROM t a JOIN t b ON a.k = b.k AND a.s < b.s;
SELECT sum((j ->> 'n')::int), max(length(j ->> 's')) FROM t WHERE s ~ '^[a-f]+[0-9]{2}';
DO $$ BEGIN
	FOR n IN 1..1000 LOOP
		BEGIN
			EXECUTE format('SELECT %s / (%s %% 3)', n, n);
		EXCEPTION WHEN division_by_zero THEN
			UPDATE t SET k = k + 1 WHERE i = n;
		END;
	END LOOP;
END $$;
SELECT md5(string_agg(k::text || s, ',' ORDER BY i)) FROM t;
