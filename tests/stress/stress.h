/*
 * What the long-running programs of this directory share: threads, a clock, a deadline.
 */
#ifndef KMEM_TESTS_STRESS_H
#define KMEM_TESTS_STRESS_H

#include "outside.h"
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static inline pthread_t start(void *(*function)(void *), void *arg)
{
	pthread_t t;
	int error = pthread_create(&t, NULL, function, arg);

	CHECK(!error, "pthread_create: %s", strerror(error));
	return t;
}

static inline void *finish(pthread_t t)
{
	void *result;

	CHECK(!pthread_join(t, &result), "pthread_join");
	return result;
}

/* Argument i as a number, or what it is without one. */
static inline size_t argument(int argc, char **argv, int i, size_t otherwise)
{
	return argc > i ? strtoul(argv[i], NULL, 0) : otherwise;
}

static inline void *must(void *p)
{
	CHECK(p, "no memory");
	return opaque(p);
}

/* Bytes in live blocks, by the allocator's own account. */
static inline size_t in_use(void)
{
	struct mallinfo2 mi = mallinfo2();

	return mi.uordblks + mi.hblkhd;
}

/*
 * The status of a child that must have ended with code 0; SIGALRM is how a child that hangs ends.
 */
static inline void expect_good_child(pid_t pid, const char *what)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	CHECK(got == pid, "%s: waitpid", what);
	CHECK(!(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM), "%s: the child hung", what);
	CHECK(!WIFSIGNALED(status), "%s: the child died of signal %d", what, WTERMSIG(status));
	CHECK(WEXITSTATUS(status) == 0, "%s: the child ended with %d", what, WEXITSTATUS(status));
}

#endif
