/* SPDX-License-Identifier: MIT */
/*
 * Limits, read from made-up /proc and /sys below a directory of the test's own: both versions of
 * cgroups, limits of the cgroups above, files that are not there, what is not limited at all, and
 * how few files are read.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "limit.h"
#include "unit.h"
#include "unit_files.h"

#define MIB (1UL << 20)

static char root[] = "/tmp/kmem-limits-XXXXXX";

/* ---- Made-up files ---- */

static void write_file(const char *name, const char *text)
{
	unit_write_file(root, name, text);
}

static int remove_all(void)
{
	return unit_remove_files(root);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return remove_all();
}

static unsigned int affinity(void)
{
	cpu_set_t set;

	EXPECT(sched_getaffinity(0, sizeof(set), &set) == 0);
	return (unsigned int)CPU_COUNT(&set);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* ---- Limits ---- */

static void without_files_there_is_no_limit(void **state)
{
	(void)state;
	errno = 77;
	limits_init(root);
	EXPECT_EQ(errno, 77);
	EXPECT_EQ(limits.cpus, affinity());
	EXPECT_EQ(limits.memory_bytes, ULONG_MAX);
	EXPECT(!limits_pressure());
}

static void version_2_says_max_where_nothing_is_limited(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "0::/a\n");
	write_file("sys/fs/cgroup/a/memory.max", "max\n");
	write_file("sys/fs/cgroup/a/memory.high", "max\n");
	write_file("sys/fs/cgroup/a/cpu.max", "max 100000\n");
	limits_init(root);
	EXPECT_EQ(limits.cpus, affinity());
	EXPECT_EQ(limits.memory_bytes, ULONG_MAX);
}

static void version_2_takes_the_lower_of_max_and_high(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "0::/a\n");
	write_file("sys/fs/cgroup/a/memory.max", "134217728\n");
	write_file("sys/fs/cgroup/a/memory.high", "67108864\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 64 * MIB);
	write_file("sys/fs/cgroup/a/memory.high", "max\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 128 * MIB);
}

static void a_quota_is_rounded_up_to_whole_cpus(void **state)
{
	static const struct {
		const char *text;
		unsigned int cpus;
	} rows[] = {
		{ "50000 100000\n", 1 },  { "100000 100000\n", 1 },
		{ "100001 100000\n", 2 }, { "1000 1000000\n", 1 },
		{ "max 100000\n", ~0u },  { "nonsense\n", ~0u },
		{ "100000 0\n", ~0u },	  { "", ~0u },
	};
	size_t i;

	(void)state;
	write_file("proc/self/cgroup", "0::/a\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		write_file("sys/fs/cgroup/a/cpu.max", rows[i].text);
		limits_init(root);
		EXPECT_EQ(limits.cpus, least(rows[i].cpus, affinity()));
	}
}

static void limits_above_hold_below(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "0::/a/b/c\n");
	write_file("sys/fs/cgroup/a/memory.max", "104857600\n");
	write_file("sys/fs/cgroup/a/b/memory.max", "209715200\n");
	write_file("sys/fs/cgroup/a/b/c/memory.max", "max\n");
	write_file("sys/fs/cgroup/a/cpu.max", "100000 100000\n");
	write_file("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 100 * MIB);
	EXPECT_EQ(limits.cpus, 1);
}

/* A container may see its own cgroup as the root, and yet be told its host's path. */
static void paths_that_are_not_there_are_passed_over(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "0::/system.slice/container-1234\n");
	write_file("sys/fs/cgroup/memory.max", "33554432\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 32 * MIB);
	write_file("proc/self/cgroup", "0::/\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 32 * MIB);
}

static void version_1_has_a_path_for_each_controller(void **state)
{
	(void)state;
	write_file("proc/self/cgroup",
		   "12:cpuset:/other\n4:memory:/m\n3:cpu,cpuacct:/c/d\n0::/x\n");
	write_file("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "50331648\n");
	write_file("sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "100000\n");
	write_file("sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n");
	write_file("sys/fs/cgroup/cpu/c/d/cpu.cfs_quota_us", "-1\n");
	write_file("sys/fs/cgroup/cpu/c/d/cpu.cfs_period_us", "100000\n");
	/* Not these: the controllers are elsewhere. */
	write_file("sys/fs/cgroup/x/memory.max", "1048576\n");
	write_file("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1048576\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 48 * MIB);
	EXPECT_EQ(limits.cpus, 1);
}

static void version_1_without_a_limit_has_a_large_number(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "4:memory:/\n");
	write_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, ULONG_MAX);
	EXPECT(!limits_pressure());
}

/* A controller's name is a whole word. */
static void cpu_is_not_cpuset(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "7:cpuset,cpuacct:/q\n0::/u\n");
	write_file("sys/fs/cgroup/cpu/q/cpu.cfs_quota_us", "100000\n");
	write_file("sys/fs/cgroup/cpu/q/cpu.cfs_period_us", "100000\n");
	limits_init(root);
	EXPECT_EQ(limits.cpus, affinity());
}

static void garbage_is_no_limit(void **state)
{
	static const char *const texts[] = { "",       "\n",	     "0",    "0:", "0::",
					     "::::\n", "4:memory\n", "0:/a", "x" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file("proc/self/cgroup", texts[i]);
		limits_init(root);
		EXPECT_EQ(limits.memory_bytes, ULONG_MAX);
		EXPECT(!limits_pressure());
	}
}

static void a_path_that_is_too_long_is_not_there(void **state)
{
	char text[3000];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "0::/", 4);
	text[sizeof(text) - 1] = '\0';
	write_file("proc/self/cgroup", text);
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, ULONG_MAX);
}

static void set_rlimit(void *arg)
{
	int which = *(int *)arg;
	struct rlimit rlim;

	EXPECT(getrlimit((__rlimit_resource_t)which, &rlim) == 0);
	rlim.rlim_cur = 3000 * MIB;
	EXPECT(setrlimit((__rlimit_resource_t)which, &rlim) == 0);
	limits_init(root);
	EXPECT_EQ(limits.memory_bytes, 3000 * MIB);
}

static void resource_limits_count(void **state)
{
	static int which[] = { RLIMIT_DATA, RLIMIT_RSS };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(which); i++)
		unit_passes(set_rlimit, &which[i]);
}

static void the_limit_of_addresses_counts(void **state)
{
	static int which = RLIMIT_AS;

	(void)state;
	/* sanitizers have terabytes of them mapped */
	if (UNIT_SANITIZE)
		skip();
	unit_passes(set_rlimit, &which);
}

static void a_share_is_never_more_than_without_a_limit(void **state)
{
	(void)state;
	limits.memory_bytes = ULONG_MAX;
	EXPECT_EQ(limits_share(1024, 64), 1024);
	limits.memory_bytes = 64 * 1024;
	EXPECT_EQ(limits_share(1024, 64), 1024);
	limits.memory_bytes = 64 * 1023;
	EXPECT_EQ(limits_share(1024, 64), 1023);
	limits.memory_bytes = ULONG_MAX;
}

/* ---- What it costs ---- */

/* System calls of the library's own; getrlimit() is libc's. */
static unsigned long calls_to_read(void)
{
	unsigned long before = unit_all_calls;

	limits_init(root);
	return unit_all_calls - before;
}

/* Each process pays for this when it starts: a file is opened once, or tried once. */
static void no_file_is_read_in_vain(void **state)
{
	enum { AFFINITY = 1, MISSING = 1, READ = 3 };

	(void)state;
	EXPECT_EQ(calls_to_read(), AFFINITY + MISSING);
	write_file("proc/self/cgroup", "0::/\n");
	EXPECT_EQ(calls_to_read(), AFFINITY + READ + 2 * MISSING);
	write_file("sys/fs/cgroup/memory.max", "max\n");
	write_file("sys/fs/cgroup/memory.high", "max\n");
	write_file("sys/fs/cgroup/cpu.max", "max 100000\n");
	EXPECT_EQ(calls_to_read(), AFFINITY + 4 * READ);
	write_file("proc/self/cgroup", "2:cpu:/\n1:memory:/\n");
	write_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	write_file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
	write_file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	EXPECT_EQ(calls_to_read(), AFFINITY + 3 * READ);
}

/* ---- Pressure ---- */

static void version_2_is_near_memory_high(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "0::/a\n");
	write_file("sys/fs/cgroup/a/memory.high", "16777216\n");
	write_file("sys/fs/cgroup/a/memory.stat", "anon 1\nfile 2\ninactive_file 0\n");
	limits_init(root);
	write_file("sys/fs/cgroup/a/memory.current", "15728639\n");
	EXPECT(!limits_pressure());
	write_file("sys/fs/cgroup/a/memory.current", "15728640\n");
	errno = 77;
	EXPECT(limits_pressure());
	EXPECT_EQ(errno, 77);
	/* What the kernel can drop does not press. */
	write_file("sys/fs/cgroup/a/memory.stat", "anon 1\nfile 2\ninactive_file 4096\nslab 3\n");
	EXPECT(!limits_pressure());
	write_file("sys/fs/cgroup/a/memory.high", "max\n");
	EXPECT(!limits_pressure());
}

static void pressure_above_is_pressure(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "0::/a/b\n");
	write_file("sys/fs/cgroup/a/b/memory.high", "max\n");
	write_file("sys/fs/cgroup/a/b/memory.current", "1\n");
	write_file("sys/fs/cgroup/a/memory.high", "16777216\n");
	write_file("sys/fs/cgroup/a/memory.current", "16777217\n");
	limits_init(root);
	EXPECT(limits_pressure());
}

static void version_1_is_near_its_limit(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "4:memory:/a\n");
	write_file("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "16777216\n");
	write_file("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "16777216\n");
	write_file("sys/fs/cgroup/memory/a/memory.stat",
		   "inactive_file 9\ntotal_inactive_file 0\n");
	limits_init(root);
	EXPECT(limits_pressure());
	write_file("sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file 8388608\n");
	EXPECT(!limits_pressure());
}

#define LIMITS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMITS_TEST(without_files_there_is_no_limit),
		LIMITS_TEST(version_2_says_max_where_nothing_is_limited),
		LIMITS_TEST(version_2_takes_the_lower_of_max_and_high),
		LIMITS_TEST(a_quota_is_rounded_up_to_whole_cpus),
		LIMITS_TEST(limits_above_hold_below),
		LIMITS_TEST(paths_that_are_not_there_are_passed_over),
		LIMITS_TEST(version_1_has_a_path_for_each_controller),
		LIMITS_TEST(version_1_without_a_limit_has_a_large_number),
		LIMITS_TEST(cpu_is_not_cpuset),
		LIMITS_TEST(garbage_is_no_limit),
		LIMITS_TEST(a_path_that_is_too_long_is_not_there),
		LIMITS_TEST(resource_limits_count),
		LIMITS_TEST(the_limit_of_addresses_counts),
		LIMITS_TEST(a_share_is_never_more_than_without_a_limit),
		LIMITS_TEST(no_file_is_read_in_vain),
		LIMITS_TEST(version_2_is_near_memory_high),
		LIMITS_TEST(pressure_above_is_pressure),
		LIMITS_TEST(version_1_is_near_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
