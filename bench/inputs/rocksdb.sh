# SPDX-License-Identifier: MIT
# RocksDB's own benchmark: the row rocksdb of bench/compare. rocksdb.sh DIRECTORY WORK
#
# Small write buffers, so that flushes and compactions (in threads of their own) take part; blocks of
# the cache come and go while two threads read.
# shellcheck shell=sh
set -eu
exec db_bench --db="$1/rocksdb" --seed=1 --num=$((350 * $2)) --reads=$((200 * $2)) --threads=2 \
	--benchmarks=fillrandom,overwrite,readrandom,seekrandom,readseq,deleterandom \
	--compression_type=none --write_buffer_size=4194304 --target_file_size_base=2097152 \
	--cache_size=8388608 --value_size=200 --disable_wal=1 --seek_nexts=20
