# shellcheck shell=bash
#
# What ./run and ./check share: finding the project, saying what happens,
# installing what is missing, configuring and building a preset.
#
# Everything is said on standard error: the standard output of ./run belongs to
# the program it runs.  What a tool prints goes to a log under build/log, and is
# shown when the tool fails.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOGS=$ROOT/build/log
ME=${0##*/}

# What a build needs.  The tests' packages are in ./check.
# shellcheck disable=SC2034
BUILD_PACKAGES=(cmake ninja-build gcc g++ libbsd-dev libc6-dev libjson-c-dev libncurses-dev)

say()
{
	printf '%s: %s\n' "$ME" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# tracked [PATTERN...]: the files of the project, as git knows them; in an
# unpacked tarball, those that are there.  The checkout may be another user's.
tracked()
{
	local pattern

	if git -c safe.directory="$ROOT" -C "$ROOT" rev-parse HEAD >/dev/null 2>&1; then
		git -c safe.directory="$ROOT" -C "$ROOT" ls-files -- "$@"
		return
	fi
	for pattern in "${@:-*}"; do
		(cd "$ROOT" && find . -path ./build -prune -o -type f -name "$pattern" -printf '%P\n')
	done
}

# status TEXT: one line that is written over, on a terminal; nothing elsewhere.
status()
{
	[ -t 2 ] || return 0
	local width
	width=$(tput cols 2>/dev/null) || width=80
	printf '\r\033[K%.*s' "$((width - 1))" "$*" >&2
}

status_end()
{
	[ -t 2 ] && printf '\r\033[K' >&2
	return 0
}

# follow LABEL PATTERN: copy stdin to stdout, and show the lines that match as
# progress: one line written over on a terminal, each 25th line elsewhere.
follow()
{
	local label=$1 pattern=$2 line n=0

	while IFS= read -r line; do
		printf '%s\n' "$line"
		[[ $line =~ $pattern ]] || continue
		n=$((n + 1))
		if [ -t 2 ]; then
			status "$label: $line"
		elif ((n % 25 == 0)); then
			say "$label: $line"
		fi
	done
	status_end
}

# have_package PACKAGE: is it installed, or is the command there that it is wanted for?
have_package()
{
	local state

	if command -v dpkg-query >/dev/null; then
		# The status field is dpkg's, not the shell's.
		# shellcheck disable=SC2016
		state=$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)
		[ "${state:-}" = installed ] && return 0
	fi
	case $1 in
	binutils) command -v objdump >/dev/null ;;
	ninja-build) command -v ninja >/dev/null ;;
	cmake | gcc | g++ | clang | clang-format | git) command -v "$1" >/dev/null ;;
	gcovr | redis-server | tmux | valgrind) command -v "$1" >/dev/null ;;
	gnuplot-nox) command -v gnuplot >/dev/null ;;
	pkgconf) command -v pkg-config >/dev/null ;;
	procps) command -v slabtop >/dev/null ;;
	libbsd-dev) [ -e /usr/include/bsd/sys/tree.h ] ;;
	libbenchmark-dev) [ -e /usr/include/benchmark/benchmark.h ] ;;
	libc6-dev) [ -e /usr/include/stdio.h ] ;;
	libjson-c-dev) [ -e /usr/include/json-c/json.h ] ;;
	libncurses-dev) [ -e /usr/include/ncurses.h ] ;;
	*) false ;;
	esac
}

# as_root COMMAND...: by sudo where we are not root.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -y "$@" \
		</dev/null 2>&1
}

# need_packages PACKAGE...: install those that are missing, and only those.
need_packages()
{
	local package missing=() log=$LOGS/apt.log

	for package; do
		have_package "$package" || missing+=("$package")
	done
	[ ${#missing[@]} = 0 ] && return 0

	command -v apt-get >/dev/null ||
		die "this system has no apt-get; please install what Debian calls: ${missing[*]}"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		die "neither root nor sudo; please have installed: ${missing[*]}"

	mkdir -p "$LOGS"
	say "installing with apt-get: ${missing[*]}"
	if ! install_packages "${missing[@]}" >"$log"; then
		say "refreshing apt-get's lists and trying once more"
		apt update | follow update '^(Get|Hit)' >"$log"
		if ! install_packages "${missing[@]}" >>"$log"; then
			tail -n 20 "$log" >&2
			die "apt-get could not install: ${missing[*]} (log: $log)"
		fi
	fi
	for package in "${missing[@]}"; do
		have_package "$package" || die "apt-get ran, but $package is not there (log: $log)"
	done
	hash -r
}

install_packages()
{
	apt install --no-install-recommends "$@" | follow install '^(Get:|Unpacking|Setting up)'
	return "${PIPESTATUS[0]}"
}

# What the first configuring of a preset says beyond the preset.
CONFIGURE=()

# build_preset PRESET [CMAKE --build ARGUMENTS]: configure once, then build what changed.
# Says nothing when there is nothing to do.  Two at a time take turns.
build_preset()
{
	local preset=$1 log=$LOGS/build-$1.log lock rc
	shift

	mkdir -p "$LOGS"
	exec {lock}>"$LOGS/build-$preset.lock"
	flock "$lock"
	(cd "$ROOT" && configure_and_build "$preset" "$log" "$@") {lock}>&-
	rc=$?
	exec {lock}>&-
	[ "$rc" = 0 ] && return 0
	# The first error says most; what a tool says last is the second best.
	grep -aE -m1 -A20 '(error|Error):|CMake Error|^FAILED' "$log" >&2 || tail -n 20 "$log" >&2
	say "cannot build the preset $preset (log: $log)"
	return 1
}

configure_and_build()
{
	local preset=$1 log=$2
	shift 2

	: >"$log"
	if [ ! -e "build/$preset/build.ninja" ] ||
		[ CMakePresets.json -nt "build/$preset/build.ninja" ]; then
		say "configuring build/$preset"
		cmake --preset "$preset" "${CONFIGURE[@]}" </dev/null >>"$log" 2>&1 || return 1
	fi
	cmake --build --preset "$preset" "$@" </dev/null 2>&1 | tee -a "$log" |
		announce_build "$preset" | follow "build/$preset" '^\[[0-9]+/' >/dev/null
	return "${PIPESTATUS[0]}"
}

# Say that a build builds once it does; looking whether it must is not worth a word.
announce_build()
{
	local line said=''

	while IFS= read -r line; do
		case $line in
		*'Re-checking globbed'*) continue ;;
		'['*)
			[ -n "$said" ] || say "building build/$1"
			said=yes
			;;
		esac
		printf '%s\n' "$line"
	done
}
