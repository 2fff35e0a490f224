/* SPDX-License-Identifier: MIT */
/* See unit.h. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#define CHILD_SECONDS 100 /* then it hangs */
#define CHILD_FAILED  3

static bool in_child;
static __thread bool in_thread;

/* UNIT_TEST=pattern runs the tests with such names only. */
__attribute__((constructor)) static void choose_tests(void)
{
	const char *pattern = getenv("UNIT_TEST");

	if (pattern)
		cmocka_set_test_filter(pattern);
}

/* ---- Expectations ---- */

/* A child that ends early still has counts to write down. */
static void dump_coverage(void)
{
#if UNIT_COVERAGE
	extern void __gcov_dump(void);

	__gcov_dump();
#endif
}

void unit_failed(const char *what, const unsigned long *values, int nr, const char *file, int line)
{
	char text[400];
	int len = snprintf(text, sizeof(text), "%s:%d: does not hold: %s", file, line, what);

	if (nr == 2)
		snprintf(text + len, sizeof(text) - (size_t)len, " (%lu = %#lx, %lu = %#lx)",
			 values[0], values[0], values[1], values[1]);
	if (!in_child && !in_thread) {
		print_error("%s\n", text);
		_fail(file, line);
	}
	fprintf(stderr, "%s\n", text);
	if (!in_child)
		abort();
	dump_coverage();
	_exit(CHILD_FAILED);
}

/* ---- Random numbers ---- */

uint64_t unit_seed(uint64_t seed)
{
	const char *given = getenv("UNIT_SEED");

	if (given)
		seed = strtoull(given, NULL, 0);
	print_message("             seed %llu\n", (unsigned long long)seed);
	return seed;
}

/* Steele, Lea and Flood's splitmix64. */
uint64_t unit_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

bool unit_on_valgrind(void)
{
	return RUNNING_ON_VALGRIND;
}

unsigned int unit_steps(unsigned int n)
{
	if (unit_on_valgrind())
		n /= 20;
	else if (UNIT_SANITIZE)
		n /= 4;
	return n ? n : 1;
}

/* ---- Children ---- */

static void on_abort(int sig)
{
	dump_coverage();
	signal(sig, SIG_DFL);
	raise(sig);
}

_Noreturn static void child_main(void (*fn)(void *), void *arg, int fd)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	const struct rlimit no_core = { 0, 0 };
	size_t i;

	in_child = true;
	/* gcov complains of counts from before a rebuild: not where the test listens */
	if (UNIT_COVERAGE)
		setenv("GCOV_ERROR_FILE", "/dev/null", 1);
	dup2(fd, STDERR_FILENO);
	close(fd);
	setrlimit(RLIMIT_CORE, &no_core);
	for (i = 0; i < ARRAY_SIZE(fatal); i++)
		signal(fatal[i], SIG_DFL);
	signal(SIGABRT, UNIT_COVERAGE ? on_abort : SIG_DFL);
	alarm(unit_on_valgrind() ? 8 * CHILD_SECONDS : CHILD_SECONDS);
	fn(arg);
	dump_coverage();
	_exit(0);
}

/* Called by its name it would be gcov's, which forgets what the handlers of fork have run. */
static pid_t (*volatile plain_fork)(void) = fork;

int unit_child(void (*fn)(void *), void *arg, char *text, size_t size)
{
	size_t len = 0;
	int pipe_fd[2], status;
	pid_t pid;
	ssize_t n;

	EXPECT(pipe(pipe_fd) == 0);
	fflush(NULL);
	pid = plain_fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		close(pipe_fd[0]);
		child_main(fn, arg, pipe_fd[1]);
	}
	close(pipe_fd[1]);
	while (len < size - 1) {
		n = read(pipe_fd[0], text + len, size - 1 - len);
		if (n <= 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	close(pipe_fd[0]);
	while (waitpid(pid, &status, 0) < 0)
		EXPECT(errno == EINTR);
	return status;
}

void unit_passes(void (*fn)(void *), void *arg)
{
	char text[4000];
	int status = unit_child(fn, arg, text, sizeof(text));

	if (status)
		print_error("the child ended with status %#x and said: %s\n", (unsigned int)status,
			    text);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void unit_dies_saying(void (*fn)(void *), void *arg, const char *fmt, ...)
{
	char text[4000], wanted[400], *newline;
	int status = unit_child(fn, arg, text, sizeof(text));
	bool said;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	newline = strchr(text, '\n');
	/* One line, whole words only: after what is wanted comes its end, or a blank. */
	said = strncmp(text, wanted, strlen(wanted)) == 0 && strchr(" \n", text[strlen(wanted)]) &&
	       newline && newline[1] == '\0';
	if (!said || !WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
		print_error("wanted: %s\nsaid (status %#x): %s\n", wanted, (unsigned int)status,
			    text);
	EXPECT(said);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

void unit_dies_by(void (*fn)(void *), void *arg, int sig)
{
	char text[4000];
	int status = unit_child(fn, arg, text, sizeof(text));

	if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
		print_error("the child ended with status %#x and said: %s\n", (unsigned int)status,
			    text);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == sig);
}

/* ---- Threads ---- */

struct side_thread {
	pthread_t thread;
	void (*fn)(void *arg, unsigned int id);
	void *arg;
	unsigned int id;
};

static void *thread_main(void *arg)
{
	struct side_thread *me = arg;

	in_thread = true;
	me->fn(me->arg, me->id);
	return NULL;
}

void unit_threads(unsigned int n, void (*fn)(void *arg, unsigned int id), void *arg)
{
	struct side_thread *threads = calloc(n, sizeof(*threads));
	unsigned int i;

	EXPECT(threads != NULL);
	for (i = 0; i < n; i++) {
		threads[i] = (struct side_thread){ .fn = fn, .arg = arg, .id = i };
		EXPECT(pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]) == 0);
	}
	for (i = 0; i < n; i++)
		EXPECT(pthread_join(threads[i].thread, NULL) == 0);
	free(threads);
}

static void do_nothing(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
}

void unit_run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	EXPECT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

void unit_have_threads(void)
{
	unit_threads(1, do_nothing, NULL);
}

/* ---- Contents ---- */

/* Word @i of the pattern of @key; the last one may be cut. */
static uint64_t pattern(uint64_t key, size_t i)
{
	return (key + i + 1) * 0x9e3779b97f4a7c15u;
}

void unit_fill(void *p, size_t bytes, uint64_t key)
{
	char *to = p;
	size_t i;

	for (i = 0; i * 8 < bytes; i++) {
		uint64_t word = pattern(key, i);

		memcpy(to + i * 8, &word, bytes - i * 8 < 8 ? bytes - i * 8 : 8);
	}
}

bool unit_holds(const void *p, size_t bytes, uint64_t key)
{
	const char *from = p;
	size_t i;

	for (i = 0; i * 8 < bytes; i++) {
		uint64_t word = pattern(key, i);

		if (memcmp(from + i * 8, &word, bytes - i * 8 < 8 ? bytes - i * 8 : 8))
			return false;
	}
	return true;
}

bool unit_is_zero(const void *p, size_t bytes)
{
	const char *from = p;

	return !bytes || (from[0] == 0 && memcmp(from, from + 1, bytes - 1) == 0);
}

bool unit_is_mapped(const void *addr)
{
	unsigned char vec;
	int saved = errno;
	bool mapped = mincore((void *)((uintptr_t)addr & ~4095UL), 1, &vec) == 0;

	errno = saved;
	return mapped;
}
