# SPDX-License-Identifier: MIT
# A redis server under load for the row redis of bench/compare: redis.sh DIRECTORY WORK
#
# The shell becomes the server, so that the server is what is measured; the client is started
# before that, waits for the socket, and runs without the preloaded allocator.
set -eu
socket=$1/redis.sock
requests=$((600 * $2))
rm -f "$socket"
(
	unset LD_PRELOAD
	until redis-cli -s "$socket" ping; do sleep 0.01; done
	redis-benchmark -q -s "$socket" -n "$requests" -r 50000 -d 100 -c 8 -P 8 \
		-t set,get,lpush,lpop,sadd,hset,spop,zadd,mset
	# Values that grow, then a removal of everything.
	redis-benchmark -q -s "$socket" -n "$requests" -r 2000 -c 8 -P 8 \
		append key:__rand_int__ 0123456789012345678901234567890123456789
	redis-cli -s "$socket" flushall sync
	redis-cli -s "$socket" shutdown nosave
) >/dev/null 2>&1 &
exec redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$1" \
	--loglevel warning
