# SPDX-License-Identifier: MIT
# A memcached server under load: the row memcached of bench/compare. memcached.sh INPUTS DIRECTORY WORK
# shellcheck shell=sh
# shellcheck source=bench/inputs/server.sh
. "$1/server.sh"
socket=$dir/memcached.sock
rm -f "$socket"

load() {
	ready test -S "$socket"
	/usr/bin/python3 "$inputs/memcached.py" "$socket" "$work"
}

beside load
exec memcached -u "$(id -un)" -s "$socket" -t 4 -m 512 -c 1024 -A
