# shellcheck shell=bash
#
# The stages of ./check, one function each.
#
# A stage runs from the root of the project with its output in a log.  Its exit
# status is the verdict; its line in the table comes from what it told count.
# A stage whose tool is missing fails: nothing is left out in silence.

# shellcheck disable=SC2034
STAGES=(format hygiene gcc clang release check fastpath asan tsan valgrind programs coverage)

about()
{
	case $1 in
	format) echo "clang-format agrees with every C and C++ file" ;;
	hygiene) echo "no notes to self, no file too long, scripts that shellcheck accepts" ;;
	gcc) echo "everything builds with gcc, warnings are errors" ;;
	clang) echo "everything builds with clang, warnings are errors" ;;
	release) echo "all tests, on the library as it is installed" ;;
	check) echo "all tests, with assertions and validity walkers compiled in" ;;
	fastpath) echo "the instructions of malloc's and free's hit path, counted" ;;
	asan) echo "unit tests under the address and undefined-behaviour sanitizers" ;;
	tsan) echo "unit tests under the thread sanitizer" ;;
	valgrind) echo "unit tests, API tests and examples under memcheck" ;;
	programs) echo "real programs, with and without the library, say the same" ;;
	coverage) echo "the tests reach at least 90% of the lines of src and LD_PRELOAD" ;;
	esac
}

# count PASSED FAILED SKIPPED
count()
{
	echo "$1 $2 ${3:-0}" >>"$COUNTS"
}

# judge COMMAND...: a stage that is one test.
judge()
{
	if "$@"; then
		count 1 0
	else
		count 0 1
		return 1
	fi
}

# count_last_line LOG: believe the "N passed, N failed" that a test driver ends with.
count_last_line()
{
	local line

	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
	if [[ ! $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
		echo "the driver did not say how many passed"
		count 0 1
		return 1
	fi
	count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:-0}"
}

# A preset's build directory, configured with the tests, quick or full.
prepare()
{
	local preset=$1 cache=build/$1/CMakeCache.txt full=OFF

	[ "$FULL" = 1 ] && full=ON
	if ! grep -qs "^KMEM_FULL_TESTS:BOOL=$full" "$cache" ||
		! grep -qs '^BUILD_TESTING:BOOL=ON' "$cache" ||
		[ CMakePresets.json -nt "build/$preset/build.ninja" ]; then
		cmake --preset "$preset" -DBUILD_TESTING=ON -DKMEM_FULL_TESTS=$full || return 1
	fi
	build_preset "$preset" -- -k 0
}

# An address space laid out at random can collide with the shadow memory of a
# sanitizer; under those, where the kernel lets us, it is the same each time.
LAYOUT=(env)
fix_layout()
{
	setarch "$(uname -m)" -R true 2>/dev/null && LAYOUT=(setarch "$(uname -m)" -R)
	return 0
}

# tests_left_out LOG: those that a program of several tests skipped, by name.
tests_left_out()
{
	sed -nE 's/^\[  SKIPPED \] ([a-z]\w+)$/\1/p' "$1" | sort -u
}

# run_tests PRESET [CTEST ARGUMENTS]: build, then every test ctest knows.
# ctest's report for machines says how many there were.
run_tests()
{
	local preset=$1 report=$LOGS/ctest-$1.xml rc attribute total failures skipped left_out
	shift

	prepare "$preset" || {
		count 0 1
		return 1
	}
	rm -f "$report"
	"${LAYOUT[@]}" ctest --preset "$preset" -j "$JOBS" --timeout 900 \
		--output-junit "$report" "$@"
	rc=$?
	for attribute in tests failures skipped; do
		printf -v "$attribute" %s "$(grep -m1 -oE "\b$attribute=\"[0-9]+\"" "$report" |
			tr -dc 0-9)"
	done
	total=${tests:-0}
	failures=${failures:-0} skipped=${skipped:-0}
	mapfile -t left_out < <(tests_left_out "build/$preset/Testing/Temporary/LastTest.log")
	[ ${#left_out[@]} = 0 ] || echo "skipped within programs that passed: ${left_out[*]}"
	count $((total - failures - skipped)) "$failures" $((skipped + ${#left_out[@]}))
	if [ "$total" = 0 ]; then
		echo "no test was run"
		return 1
	fi
	return "$rc"
}

stage_format()
{
	local list bad=0 good=0 file

	command -v clang-format || return 1
	mapfile -t list < <(tracked '*.c' '*.h' '*.cc' '*.cpp')
	for file in "${list[@]}"; do
		if clang-format --dry-run -Werror "$file"; then
			good=$((good + 1))
		else
			bad=$((bad + 1))
		fi
	done
	count "$good" "$bad"
	[ "$bad" = 0 ] && [ "$good" -gt 0 ]
}

stage_hygiene()
{
	scripts/hygiene | tee "$LOGS/hygiene.out"
	local rc=${PIPESTATUS[0]}
	count_last_line "$LOGS/hygiene.out" && return "$rc"
}

stage_gcc()
{
	judge prepare release
}

stage_clang()
{
	judge prepare clang
}

stage_release()
{
	run_tests release
}

stage_check()
{
	run_tests check
}

stage_asan()
{
	fix_layout
	run_tests asan -L '^unit$'
}

stage_tsan()
{
	fix_layout
	run_tests tsan -L '^unit$'
}

stage_valgrind()
{
	prepare release || return 1
	scripts/memcheck build/release "$JOBS" | tee "$LOGS/memcheck.out"
	local rc=${PIPESTATUS[0]}
	count_last_line "$LOGS/memcheck.out" && return "$rc"
}

stage_fastpath()
{
	prepare release || return 1
	scripts/fastpath build/release/libkmem.so | tee "$LOGS/fastpath.out"
	local rc=${PIPESTATUS[0]}
	count_last_line "$LOGS/fastpath.out" && return "$rc"
}

stage_programs()
{
	local arguments=(--no-install --jobs "$JOBS" --lib "$ROOT/build/release/libkmem.so") rc

	[ "$FULL" = 1 ] && arguments+=(--full)
	prepare release || return 1
	tests/programs/run "${arguments[@]}" | tee "$LOGS/programs.out"
	rc=${PIPESTATUS[0]}
	count_last_line "$LOGS/programs.out" && return "$rc"
}

# The instrumentation allocates, and writes its counts when a process exits: in
# a program whose memory is made to run out, that alone goes wrong.  So this
# stage is judged by its figure; the tests are judged by release and check.
stage_coverage()
{
	local rc

	prepare coverage || return 1
	find build/coverage -name '*.gcda' -delete
	ctest --preset coverage -j "$JOBS" --timeout 900 ||
		echo "(some failed in the instrumented build)"
	mkdir -p "$LOGS/coverage"
	# Not with -j: of two threads, one that meets an error leaves the other waiting. A process that
	# ends while its threads run leaves branch counts that do not add up: such lines are named.
	judge /usr/bin/gcovr --root . --object-directory build/coverage --gcov-ignore-parse-errors \
		--filter src/ --filter LD_PRELOAD/ \
		--sort-percentage --print-summary --fail-under-line 90 \
		--html-details "$LOGS/coverage/index.html" --txt "$LOGS/coverage.txt" build/coverage
	rc=$?
	cat "$LOGS/coverage.txt"
	awk '/^TOTAL/ { print $4, "of", $2, "lines" }' "$LOGS/coverage.txt" >"$LOGS/coverage.note"
	return "$rc"
}
