# SPDX-License-Identifier: MIT
# A redis server under load: the row redis of bench/compare. redis.sh INPUTS DIRECTORY WORK
# shellcheck shell=sh
# shellcheck source=bench/inputs/server.sh
. "$1/server.sh"
socket=$dir/redis.sock
requests=$((600 * work))
rm -f "$socket"

load() {
	ready redis-cli -s "$socket" ping
	redis-benchmark -q -s "$socket" -n "$requests" -r 50000 -d 100 -c 8 -P 8 \
		-t set,get,lpush,lpop,sadd,hset,spop,zadd,mset
	# Values that grow, then a removal of everything.
	redis-benchmark -q -s "$socket" -n "$requests" -r 2000 -c 8 -P 8 \
		append key:__rand_int__ 0123456789012345678901234567890123456789
	redis-cli -s "$socket" flushall sync
	redis-cli -s "$socket" shutdown nosave
}

beside load
exec redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$dir" \
	--loglevel warning
