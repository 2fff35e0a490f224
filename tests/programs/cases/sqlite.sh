# what: sqlite3: tables, indices, queries, full text, vacuum, integrity check
# set: quick
# limit: 300
# needs: sqlite3
#
# SQLite asks malloc_usable_size how much it really got and keeps its books by the answer.
# shellcheck shell=bash

cat >work.sql <<'SQL'
PRAGMA cache_size = -20000;
CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, s TEXT, b BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
	INSERT INTO t SELECT i, (i * 7919) % 10007, printf('row %d of %d', i, i * i % 1009),
		CASE WHEN i % 100 = 0 THEN zeroblob(i % 5000) END FROM n;
CREATE INDEX tk ON t (k, s);
SELECT count(*), sum(k), max(length(s)), sum(length(b)) FROM t;
SELECT k, count(*), group_concat(id) FROM t GROUP BY k ORDER BY count(*) DESC, k LIMIT 20;
SELECT a.id, b.id FROM t a JOIN t b ON a.k = b.k AND a.id < b.id WHERE a.k < 3 ORDER BY 1, 2 LIMIT 50;
SELECT s, row_number() OVER (PARTITION BY k ORDER BY s) FROM t ORDER BY s DESC LIMIT 10;
UPDATE t SET s = s || ' changed ' || hex(k) WHERE id % 3 = 0;
DELETE FROM t WHERE id % 5 = 0;
CREATE VIRTUAL TABLE f USING fts5 (s);
INSERT INTO f SELECT s FROM t LIMIT 50000;
SELECT count(*) FROM f WHERE f MATCH 'changed AND 1*';
SELECT json_group_array(json_object('k', k, 's', s)) FROM (SELECT k, s FROM t ORDER BY id LIMIT 200);
VACUUM;
PRAGMA integrity_check;
SELECT count(*), sum(length(s)) FROM t;
SQL
sqlite3 work.db <work.sql
sqlite3 work.db .dump | sha256sum
sqlite3 :memory: <work.sql | sha256sum
probe_bound sqlite3 :memory: 'SELECT 1'
