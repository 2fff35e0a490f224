/* SPDX-License-Identifier: MIT */
/*
 * What background_purge=1 is for: a process that frees all it had and then does nothing gets small
 * by itself, and so does a child of fork, which has a thread of its own. Without the option the
 * memory stays, and no thread is there.
 *
 *	malloc_background on|off
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "outside.h"

#define BLOCKS	    64u
#define BLOCK	    MIB
#define PATIENCE_MS 20000u
#define STEP_MS	    50u

/* Of this process, as the kernel counts them. */
static unsigned int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned int n = 0;

	CHECK(dir, "/proc/self/task");
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void take_and_free(size_t before_kib)
{
	static void *block[BLOCKS];
	unsigned int i;

	for (i = 0; i < BLOCKS; i++) {
		block[i] = malloc(BLOCK);
		CHECK(block[i], "no memory");
		memset(block[i], 1, BLOCK);
	}
	CHECK(rss_kib() > before_kib + BLOCKS * BLOCK / KIB / 2, "%zu KiB", rss_kib());
	for (i = 0; i < BLOCKS; i++)
		free(block[i]);
}

/* Without a call of the allocator. */
static bool gets_small(size_t before_kib, unsigned int ms)
{
	for (; rss_kib() > before_kib + 4 * KIB && ms; ms -= STEP_MS)
		usleep(STEP_MS * 1000);
	return rss_kib() <= before_kib + 4 * KIB;
}

static void expect(bool on, size_t before, const char *who)
{
	CHECK(threads() == 1u + on, "%s: %u threads", who, threads());
	take_and_free(before);
	CHECK(gets_small(before, on ? PATIENCE_MS : 1000) == on, "%s: %zu KiB, before %zu", who,
	      rss_kib(), before);
}

static void no_handler(int sig)
{
	say(2, "signal %d came to the wrong thread\n", sig);
	_exit(1);
}

/* The program's signals are for its own threads. */
static void expect_no_signals(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signal(SIGUSR1, no_handler);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	usleep(100000);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR1, "signal %d", sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void *late(void *arg)
{
	usleep(300000);
	(void)arg;
	return opaque(malloc(100));
}

static void say_so(void)
{
	say(1, "at exit\n");
}

/* A process ends with the last of the threads that it made itself, if main() left before. */
static void expect_end(bool with_thread)
{
	pid_t pid = fork();
	pthread_t thread;
	int status;

	CHECK(pid >= 0, "fork");
	if (!pid) {
		alarm(20);
		free(opaque(malloc(100)));
		atexit(say_so);
		if (with_thread)
			CHECK(!pthread_create(&thread, NULL, late, NULL), "thread");
		pthread_exit(NULL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "status 0x%x", status);
}

static void *leave_in_child(void *arg)
{
	pid_t *pid = arg;

	*pid = fork();
	if (!*pid) {
		alarm(20);
		pthread_exit(NULL);
	}
	return NULL;
}

/* Also where the main thread of the child has never allocated anything. */
static void expect_end_of_thread(void)
{
	pthread_t thread;
	int status, i;
	pid_t pid;

	/* the second has the first one's stack */
	for (i = 0; i < 2; i++) {
		CHECK(!pthread_create(&thread, NULL, leave_in_child, &pid), "thread");
		CHECK(!pthread_join(thread, NULL), "join");
		CHECK(pid >= 0 && waitpid(pid, &status, 0) == pid && status == 0, "status 0x%x",
		      status);
	}
}

int main(int argc, char **argv)
{
	const bool on = argc > 1 && !strcmp(argv[1], "on");
	const size_t before = rss_kib();
	int status;
	pid_t pid;

	require_provider();
	expect(on, before, "the process");
	expect_no_signals();
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		expect(on, before, "its child");
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7,
	      "status 0x%x", status);
	expect_end(false);
	expect_end(true);
	expect_end_of_thread();
	return 0;
}
