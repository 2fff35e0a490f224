#!/usr/bin/env bash
# top.sh KMEM LIBRARY HOLDER: kmem top on a terminal, held against what kmem top --once prints, and
# that against kmem slabinfo.
set -u
kmem=$1 library=$2 holder=$3
# shellcheck source=tests/tools/screen.sh
. "$(dirname "${BASH_SOURCE[0]}")/screen.sh"

# What the terminal must show: of the table as wide and high as it is, all but the line in the middle
# that says what is shown.
table()
{
	"$kmem" top --once --sort "$1" "$TARGET" | head -n "$3" | cut -c "1-$2" |
		sed '6d; s/ *$//'
}

# shows_table KEY WIDTH HEIGHT
shows_table()
{
	[ "$(shown | sed '6d; s/ *$//')" = "$(table "$1" "$2" "$3")" ]
}

by_column()
{
	"$kmem" top --once --sort "$1" "$TARGET" | tail -n +8 | awk -v column="$2" '
		{ sub("%", ""); sub("K", "", $4); sub("K", "", $7) }
		{ value = $column }
		NR > 1 && (column == 8 ? value < last : value + 0 > last + 0) { exit 1 }
		{ last = value }'
}

start_target "$holder" "$library"

# ---- Once

names=$("$kmem" slabinfo "$TARGET" | tail -n +3 | awk '{ print $1, $2, $3, $4, $5, $15 }' | sort)
rows=$("$kmem" top -o "$TARGET" | tail -n +8 | awk '{ print $8, $2, $1, $4, $6, $5 }' | sort)
check "once: a row for each cache" [ "$(echo "$names" | cut -d ' ' -f 1)" = \
	"$(echo "$rows" | cut -d ' ' -f 1)" ]
check "once: active, objects, objects per slab and slabs as in slabinfo" [ \
	"$(echo "$names" | cut -d ' ' -f 2,3,5,6)" = "$(echo "$rows" | cut -d ' ' -f 2,3,5,6)" ]
for pair in a2 b6 c7 l5 n8 o1 s4 u3 A2 U3; do
	check "once: sorted by ${pair:0:1}" by_column "${pair:0:1}" "${pair:1}"
done

# sorted_as KEY FIELD...: p and v have no column: by slabinfo's, largest first.
sorted_as()
{
	local order

	order=$("$kmem" top --once --sort "$1" "$TARGET" | tail -n +8 | awk '{ print $8 }' |
		while read -r name; do
			"$kmem" slabinfo "$TARGET" | awk -v name="$name" -v field="$2" \
				'$1 == name { print $field }'
		done)
	[ -n "$order" ] && [ "$order" = "$(echo "$order" | sort -rn)" ]
}
check "once: sorted by p" sorted_as p 6
check "once: sorted by v" sorted_as v 14

# ---- On a terminal

open_screen 90 30 "'$kmem' top --delay 0.2 $TARGET; echo exit code \$?; stty -a; cat"
check "shows the table by objects" wait_for shows_table o 90 30
check "says of which process" shows "Process $TARGET, by objects, every 0.2 s"
for key in a b c l n p s u v o A B C L N P S U V O; do
	press "$key"
	check "key $key sorts" wait_for shows_table "${key,}" 90 30
done
screen resize-window -x 55 -y 12
check "narrow and low" wait_for shows_table o 55 12
screen resize-window -x 120 -y 60
check "wide and high" wait_for shows_table o 120 60
before=$(table o 120 60)
has_changed()
{
	[ "$(table o 120 60)" != "$before" ] && shows_table o 120 60
}
echo >&7
check "follows the program" wait_for has_changed
press q
check "q ends it" wait_for shows '^exit code 0$'
check "the terminal is as before" shows ' icanon .* echo '
screen kill-server

open_screen 90 30 "'$kmem' top --delay 100 $TARGET; echo exit code \$?; cat"
check "shows it before any delay" wait_for shows_table o 90 30
echo >&7
sleep 0.5
differs()
{
	! shows_table o 90 30
}
check "does nothing before the delay" differs
press Space
check "space refreshes" wait_for shows_table o 90 30
press Q
check "Q ends it" wait_for shows '^exit code 0$'
screen kill-server

# ---- The program ends

open_screen 90 30 "'$kmem' top --delay 0.2 $TARGET; echo exit code \$?; stty -a; cat"
check "runs until the program ends" wait_for shows_table o 90 30
exec 7>&-
check "says that it ended" wait_for shows "^kmem: $TARGET: .*ended"
check "exit code for it" wait_for shows '^exit code 3$'
check "the terminal is as before" shows ' icanon .* echo '

# ---- What it refuses

refuses()
{
	local code=$1

	shift
	"$kmem" top "$@" </dev/null >"$DIRECTORY/refusal" 2>&1
	[ $? = "$code" ] && [ "$(wc -l <"$DIRECTORY/refusal")" = 1 ]
}
start_target "$holder" "$library"
check "no terminal" refuses 2 "$TARGET"
check "no sort key" refuses 2 --sort x "$TARGET"
check "no delay" refuses 2 --delay 0 "$TARGET"
check "no number" refuses 2 --delay 1x "$TARGET"
check "no process" refuses 2
check "no such process" refuses 3 --once 4194305
check "no libkmem" refuses 5 --once $$
finish
