#!/usr/bin/env bash
# help.sh MANPAGE: every command explains itself, and the manual knows them all, with their options.
set -u
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
page=$1

quiet "$KMEM" --help >"$DIR/overview"
quiet "$KMEM" --version >"$DIR/version"
mapfile -t commands < <(awk '/^  [a-z]/ { print $1 }' "$DIR/overview")
[ ${#commands[@]} -ge 5 ] || fail "the overview names ${#commands[@]} commands"
for command in "${commands[@]}"; do
	quiet "$KMEM" "$command" --help >"$DIR/help"
	grep -q "^usage: kmem $command " "$DIR/help" || fail "$command --help says no usage"
	grep -q "^\\.SS $command\$" "$page" || fail "the manual has no section on $command"
	for option in $(grep -oE '^  --[a-z-]+' "$DIR/help"); do
		sed 's/\\-/-/g' "$page" | grep -qe "$option" ||
			fail "the manual does not know $option of $command"
	done
done
if command -v man >/dev/null; then
	MANWIDTH=80 man --warnings -l "$page" 2>"$DIR/error" >/dev/null
	[ ! -s "$DIR/error" ] || fail "$(cat "$DIR/error")"
fi
echo "PASS: ${#commands[@]} commands"
