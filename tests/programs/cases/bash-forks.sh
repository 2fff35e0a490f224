# what: bash: loops of forks, pipes, subshells, here-documents, arrays
# set: quick
# limit: 300
# needs: bash sort awk tr sha256sum
#
# A shell forks in the middle of everything and its children run on the parent's heap. Nothing is
# large here; there are just many processes, each starting the library anew.
# shellcheck shell=bash

for i in {1..300}; do
	/bin/echo "program $i"
done | sha256sum

for i in {1..300}; do
	(echo "subshell $i $(echo "$((i * i))" | tr 0-9 a-j)")
done | sha256sum

declare -A table=()
for i in {1..40000}; do
	table[k$((i * 7919 % 10007))]+="$i "
done
printf '%s\n' "${#table[@]}"
for key in "${!table[@]}"; do
	echo "$key ${table[$key]}"
done | sort | sha256sum

text=''
for i in {1..3000}; do
	text+="line $i of the text"$'\n'
	[[ $text =~ (line\ [0-9]+) ]] && last=${BASH_REMATCH[1]}
done
echo "${#text} $last"
sort -r <<<"$text" | awk '{ n += $2 } END { print NR, n }'

children=()
for i in {1..20}; do
	(exit "$i") &
	children+=($!)
done
statuses=0
for job in "${children[@]}"; do
	status=0
	wait "$job" || status=$?
	statuses=$((statuses + status))
done
echo "statuses $statuses"

for i in {1..50}; do
	bash -c 'x=$(printf "%s " {1..2000}); echo "${#x}"' | cat | cat
done | sort -u
probe_bound bash -c 'ls / | sort'
