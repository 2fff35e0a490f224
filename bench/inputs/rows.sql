-- SPDX-License-Identifier: MIT
-- A database in memory, made, indexed, joined, changed: a row of bench/compare.
CREATE TABLE item(id INTEGER PRIMARY KEY, shop INT, name TEXT, price INT, text BLOB);
CREATE TABLE shop(id INTEGER PRIMARY KEY, name TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
	INSERT INTO shop SELECT i, 'shop ' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @ROWS@)
	INSERT INTO item SELECT i, i * 7919 % 1000 + 1, 'item ' || (i * 31 % 5003),
		i * 104729 % 9973, zeroblob(i % 90) FROM n;
CREATE INDEX item_name ON item(name, price);
CREATE INDEX item_shop ON item(shop);
SELECT count(*), sum(length(name) + price) FROM item;
SELECT shop.name, count(*), max(price) FROM item JOIN shop ON shop.id = shop
	GROUP BY shop.name ORDER BY 2 DESC, 1 LIMIT 20;
SELECT name, group_concat(id) FROM item WHERE price < 900 GROUP BY name ORDER BY name LIMIT 2000;
UPDATE item SET text = zeroblob(length(text) * 2 + 3), name = name || '!' WHERE id % 3 = 0;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(*), sum(length(text)), min(name), max(name) FROM item;
