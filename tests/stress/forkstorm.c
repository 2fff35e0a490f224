/*
 * forkstorm [FORKS]: forks out of a process whose other threads are all inside the allocator.
 *
 * At the moment of the fork the eight threads hold locks, or are in the middle of moving objects;
 * in the child they are gone. The child must still be able to allocate, and to free what those
 * threads allocated: their blocks lie in a mailbox, with a stamp that says whether they are whole.
 * A child that hangs is killed by its alarm and fails the test; so is a parent that makes no
 * headway. In the second half the forks happen in the handler of a timer signal that interrupts the
 * allocator in the same thread.
 */
#include "stress.h"
#include <sys/time.h>

#define THREADS	       8
#define SLOTS	       512
#define CHILD_SECONDS  30
#define PARENT_SECONDS 60

struct block {
	size_t size;
	uint64_t stamp;
};

static volatile size_t handler_forks;
static size_t handler_limit;
static struct block *mailbox[SLOTS];
static int stop;

/* Small ones mostly, some of every kind. */
static size_t some_size(uint64_t r)
{
	switch (r % 64) {
	case 0:
		return 40000 + r / 64 % 300000;
	case 1 ... 8:
		return 1000 + r / 64 % 32000;
	default:
		return 1 + r / 64 % 600;
	}
}

static struct block *take(uint64_t *random)
{
	size_t n = some_size(random_next(random));
	struct block *b = must(malloc(sizeof(*b) + n));

	b->size = n;
	b->stamp = n * 0x9e3779b97f4a7c15ULL;
	((char *)(b + 1))[n - 1] = 1;
	return b;
}

static void give(struct block *b)
{
	if (!b)
		return;
	CHECK(b->stamp == b->size * 0x9e3779b97f4a7c15ULL, "a block is not whole");
	b->stamp = 0;
	free(b);
}

static struct block *exchange(size_t slot, struct block *b)
{
	return __atomic_exchange_n(&mailbox[slot % SLOTS], b, __ATOMIC_ACQ_REL);
}

static void *allocates(void *arg)
{
	uint64_t random = 0x1234567 + (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct block *b = take(&random);
		uint64_t r = random_next(&random);

		give(r % 4 ? exchange(r >> 8, b) : b);
	}
	return NULL;
}

static void *in_thread_of_child(void *arg)
{
	uint64_t random = (uintptr_t)arg;

	for (int i = 0; i < 50; i++)
		give(take(&random));
	return NULL;
}

static void child(uint64_t seed)
{
	uint64_t random = seed;
	struct block *held[64] = { NULL };

	signal(SIGALRM, SIG_DFL);
	alarm(CHILD_SECONDS);
	for (size_t i = 0; i < SLOTS; i += 3)
		give(exchange(i, NULL));
	for (size_t i = 0; i < 300; i++) {
		size_t slot = random_next(&random) % ARRAY_SIZE(held);

		give(held[slot]);
		held[slot] = take(&random);
	}
	if (seed % 16 == 0)
		finish(start(in_thread_of_child, (void *)(uintptr_t)seed));
	if (seed % 32 == 0) {
		pid_t pid = fork();

		CHECK(pid >= 0, "fork in the child");
		if (!pid) {
			signal(SIGALRM, SIG_DFL);
			alarm(CHILD_SECONDS);
			give(take(&random));
			_exit(0);
		}
		expect_good_child(pid, "grandchild");
	}
	_exit(0);
}

static const char *where = "";

static void parent_hangs(int signo)
{
	(void)signo;
	CHECK(0, "the parent hangs: %s, after %zu forks in a handler", where, handler_forks);
}

static void storm(size_t forks)
{
	where = "forking among threads";
	for (size_t i = 1; i <= forks; i++) {
		pid_t pid;

		alarm(PARENT_SECONDS);
		pid = fork();

		CHECK(pid >= 0, "fork: %s", strerror(errno));
		if (!pid)
			child(i);
		expect_good_child(pid, "fork among threads");
		if (i % 1000 == 0)
			say(1, "%zu forks\n", i);
	}
}

static void forks_in_handler(int signo)
{
	int saved = errno;
	pid_t pid;

	(void)signo;
	if (handler_forks >= handler_limit)
		return;
	pid = fork();
	if (pid < 0)
		_exit(3);
	if (!pid) {
		signal(SIGALRM, SIG_DFL);
		alarm(CHILD_SECONDS);
		/* in the middle of the allocator's own work it may refuse, but not hang */
		free(opaque(malloc(100)));
		free(opaque(malloc(5000)));
		_exit(0);
	}
	expect_good_child(pid, "fork in a handler");
	handler_forks++;
	errno = saved;
}

static void storm_of_signals(size_t forks, const char *when)
{
	struct sigaction action = { .sa_handler = forks_in_handler, .sa_flags = SA_RESTART };
	struct itimerval timer = { { 0, 3000 }, { 0, 3000 } };
	struct itimerval off = { { 0, 0 }, { 0, 0 } };
	struct block *held[64] = { NULL };
	uint64_t random = 99;

	where = when;
	handler_forks = 0;
	handler_limit = forks;
	CHECK(!sigaction(SIGPROF, &action, NULL), "sigaction");
	CHECK(!setitimer(ITIMER_PROF, &timer, NULL), "setitimer");
	for (size_t seen = 0; handler_forks < forks;) {
		size_t slot = random_next(&random) % ARRAY_SIZE(held);

		if (seen < handler_forks) {
			seen = handler_forks;
			alarm(PARENT_SECONDS);
		}
		give(held[slot]);
		held[slot] = take(&random);
	}
	CHECK(!setitimer(ITIMER_PROF, &off, NULL), "setitimer");
	for (size_t slot = 0; slot < ARRAY_SIZE(held); slot++)
		give(held[slot]);
	signal(SIGPROF, SIG_IGN);
}

int main(int argc, char **argv)
{
	size_t forks = argument(argc, argv, 1, 500);
	pthread_t threads[THREADS];
	sigset_t profile_only;

	require_provider();
	signal(SIGALRM, parent_hangs);
	/* the timer's signal is for the main thread */
	sigemptyset(&profile_only);
	sigaddset(&profile_only, SIGPROF);
	pthread_sigmask(SIG_BLOCK, &profile_only, NULL);
	for (uintptr_t t = 0; t < THREADS; t++)
		threads[t] = start(allocates, (void *)t);
	pthread_sigmask(SIG_UNBLOCK, &profile_only, NULL);
	storm(forks);
	storm_of_signals(forks / 4 + 1, "forking in a handler, among threads");
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (size_t t = 0; t < THREADS; t++)
		finish(threads[t]);
	storm_of_signals(forks / 4 + 1, "forking in a handler, alone");
	for (size_t i = 0; i < SLOTS; i++)
		give(exchange(i, NULL));
	say(1, "PASS: %zu forks, %zu of them in a handler\n", forks + 2 * (forks / 4 + 1),
	    2 * (forks / 4 + 1));
	return 0;
}
