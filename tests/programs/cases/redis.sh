# what: redis: redis-benchmark, a data set by script, save by fork, restart, same digest
# set: quick
# limit: 300
# needs: redis-server redis-cli redis-benchmark
#
# A server whose whole memory is small blocks of a few sizes, freed in another thread when asked to
# (UNLINK), and that saves by forking while it goes on. Debian's redis links jemalloc, and calls it
# by the standard names: the preload takes those over, while jemalloc stays for its own statistics.
# shellcheck shell=bash disable=SC2154 # start() sets $server

# shellcheck disable=SC2016 # the $ are Lua's and redis's
fill='
	for i = 1, 20000 do
		redis.call("set", "s:" .. i, string.rep(tostring(i), i % 50))
		redis.call("hset", "h:" .. i % 500, "f" .. i, i * i)
		redis.call("zadd", "z:" .. i % 100, i * 7919 % 1009, "m" .. i)
		redis.call("rpush", "l:" .. i % 50, string.rep("x", i % 300))
		redis.call("sadd", "i:" .. i % 20, i)
		redis.call("append", "a:" .. i % 10, "appended " .. i)
	end
	for i = 1, 20000, 3 do redis.call("unlink", "s:" .. i) end
	for i = 1, 50, 2 do redis.call("unlink", "l:" .. i) end
	return redis.call("dbsize")'

begin() {
	port=$(free_port)
	start "redis$1.log" redis-server --port "$port" --bind 127.0.0.1 --dir "$CASE_WORK" --save '' \
		--enable-debug-command local --io-threads 2 --lazyfree-lazy-user-del yes --daemonize no
	wait_for 20 redis-cli -p "$port" ping
	probe "$server"
}

probe_bound redis-server --version
begin 1
redis-benchmark -h 127.0.0.1 -p "$port" -n 20000 -c 20 -P 8 -r 5000 -d 100 --csv \
	-t ping,set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset 2>bench.log | cut -d, -f1
redis-cli -p "$port" flushall async
redis-cli -p "$port" eval "$fill" 0
redis-cli -p "$port" debug digest
redis-cli -p "$port" bgsave >/dev/null
saved() { redis-cli -p "$port" info persistence | grep -q 'rdb_bgsave_in_progress:0'; }
wait_for 30 saved
redis-cli -p "$port" info persistence | grep -o 'rdb_last_bgsave_status:[a-z]*'
redis-cli -p "$port" memory purge
redis-cli -p "$port" shutdown nosave || :
wait "$server"

begin 2
redis-cli -p "$port" dbsize
redis-cli -p "$port" debug digest
redis-cli -p "$port" --raw get a:3 | sha256sum
redis-cli -p "$port" shutdown nosave || :
wait "$server"
echo stopped
