// SPDX-License-Identifier: MIT
/*
 * launch - runs one program and reports what it cost.
 *
 *   launch [-e NAME=VALUE]... FD PROGRAM [ARGUMENT]...
 *
 * writes one line to the file descriptor FD:
 *
 *   wall_ns user_us sys_us peak_rss_kib minor_faults major_faults instructions status
 *
 * where status is the exit code, or 128 + signal, and instructions those in user mode of the
 * program and all that it started, or -1 where the processor's counters cannot be had. -e sets a
 * variable for the program alone, so that a preloaded allocator is not loaded here.
 *
 * Why a program of its own: Linux keeps a process's peak RSS across execve, so a child forked by
 * a large interpreter would report the interpreter's size. This launcher is small, starts the
 * child with posix_spawn (no copy of its memory), and the smallest program shows about 1.5 MiB.
 * The peak is that of the largest process of the tree that was waited for, not a sum.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MAX_SETTINGS = 16 };

static char **environment_with(char **setting, int settings)
{
	size_t count = 0, kept = 0;
	char **env;

	while (environ[count])
		count++;
	env = calloc(count + (size_t)settings + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t name = strcspn(environ[i], "=") + 1;
		int k = 0;

		while (k < settings && strncmp(environ[i], setting[k], name))
			k++;
		if (k == settings)
			env[kept++] = environ[i];
	}
	memcpy(env + kept, setting, (size_t)settings * sizeof(*env));
	return env;
}

static long long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

/*
 * Opened on ourselves and handed down: it counts in whoever we start, from its execve on. Never
 * here, since we do not execve.
 */
static int instruction_counter(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.inherit = 1,
		.enable_on_exec = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static long long counted(int counter)
{
	long long count;

	if (counter < 0 || read(counter, &count, sizeof(count)) != sizeof(count))
		return -1;
	return count;
}

int main(int argc, char **argv)
{
	char *setting[MAX_SETTINGS];
	int settings = 0, fd, counter, status, error;
	long long start, wall;
	struct rusage use;
	char **env;
	pid_t pid;

	argv++;
	while (argv[0] && argv[1] && !strcmp(argv[0], "-e") && settings < MAX_SETTINGS) {
		setting[settings++] = argv[1];
		argv += 2;
	}
	if (argc < 3 || !argv[0] || !argv[1]) {
		fprintf(stderr, "usage: launch [-e NAME=VALUE]... FD PROGRAM [ARGUMENT]...\n");
		return 2;
	}
	fd = atoi(*argv++);
	env = environment_with(setting, settings);
	if (!env || fcntl(fd, F_SETFD, FD_CLOEXEC)) {
		perror("launch");
		return 2;
	}

	counter = instruction_counter();
	start = nanoseconds();
	error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, env);
	if (error) {
		fprintf(stderr, "launch: %s: %s\n", argv[0], strerror(error));
		return 127;
	}
	while (wait4(pid, &status, 0, &use) < 0)
		if (errno != EINTR)
			return 2;
	wall = nanoseconds() - start;

	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	dprintf(fd, "%lld %lld %lld %ld %ld %ld %lld %d\n", wall, microseconds(use.ru_utime),
		microseconds(use.ru_stime), use.ru_maxrss, use.ru_minflt, use.ru_majflt,
		counted(counter), status);
	return 0;
}
