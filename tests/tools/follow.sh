#!/usr/bin/env bash
# follow.sh KMEM LIBRARY HOLDER: kmem slabinfo --refresh keeps a file up to date until the program ends.
set -u
kmem=$1 library=$2 holder=$3
# shellcheck source=tests/tools/screen.sh
. "$(dirname "${BASH_SOURCE[0]}")/screen.sh"
file=$DIRECTORY/slabinfo

# Whether the file says what `kmem slabinfo` does, but for the width of columns and zeros before figures.
agrees()
{
	[ "$(sed 's/  */ /g; s/ 0*\([0-9]\)/ \1/g' "$file")" = \
		"$("$kmem" slabinfo "$TARGET" | tr -s ' ')" ]
}

changed()
{
	! cmp -s "$file" "$DIRECTORY/before" && agrees
}

refuses()
{
	"$kmem" slabinfo "$@" >"$DIRECTORY/refusal" 2>&1
	[ $? = 2 ] && [ "$(wc -l <"$DIRECTORY/refusal")" = 1 ]
}

start_target "$holder" "$library"
echo "an old file that is longer than one line, or not" >"$file"
"$kmem" slabinfo --refresh 0.1 --output "$file" "$TARGET" 2>"$DIRECTORY/error" 7>&- &
follower=$!
TARGETS+=("$follower")
check "the file is written" wait_for agrees
inode=$(stat -c %i "$file")
for i in 1 2 3; do
	cp "$file" "$DIRECTORY/before"
	echo >&7
	check "the file follows, $i" wait_for changed
done
check "it is the same file" [ "$(stat -c %i "$file")" = "$inode" ]
check "it is as long as before" [ "$(stat -c %s "$file")" = "$(stat -c %s "$DIRECTORY/before")" ]
exec 7>&-
wait "$follower"
check "it ends with the program: exit code" [ $? = 3 ]
check "it ends with the program: one line" [ "$(wc -l <"$DIRECTORY/error")" = 1 ]

start_target "$holder" "$library"
check "no file" refuses --refresh 1 "$TARGET"
check "no time" refuses --output "$file" "$TARGET"
check "a bad time" refuses --refresh 0 --output "$file" "$TARGET"
check "no JSON" refuses --json --refresh 1 --output "$file" "$TARGET"
"$kmem" slabinfo --refresh 1 --output /nowhere/file "$TARGET" 2>"$DIRECTORY/error"
check "no directory" [ $? = 1 ]
finish
