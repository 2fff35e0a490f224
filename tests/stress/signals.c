/*
 * Signal handlers that allocate.
 *
 * POSIX does not allow it, programs do it all the same, and an allocator that hangs turns a report of
 * a crash into a silence. A timer interrupts the main thread, which allocates and frees without
 * pause, some thousand times; its handler allocates and frees too, small blocks and large ones,
 * also blocks that the main thread left for it. Nothing may hang, and no block may be handed out
 * twice. A second part starts the program anew with the signal pending and a handler set before
 * the allocator's first call.
 */
#include "stress.h"
#include <sys/time.h>

#define SECONDS 60
#define HELD	64

static volatile size_t interrupts;
static unsigned char *left[HELD];
static uint64_t handler_random = 7;

static void hangs(int signo)
{
	(void)signo;
	CHECK(0, "hangs after %zu interrupts", interrupts);
}

static size_t some_size(uint64_t r)
{
	return r % 50 == 0 ? 33 * KIB + (r >> 8) % (300 * KIB) : 8 + (r >> 8) % 2000;
}

/* The block's length and seed are in its first bytes, the pattern fills what fits of the rest. */
static unsigned char *take(uint64_t *random)
{
	uint64_t r = random_next(random);
	size_t n = some_size(r);
	unsigned char *p = must(malloc(n));
	unsigned int length = n > 200 ? 200 : (unsigned int)n;

	memcpy(p, &length, sizeof(length));
	fill(p + sizeof(length), length - sizeof(length), (uintptr_t)p >> 4);
	return p;
}

static void give(unsigned char *p)
{
	unsigned int length;

	if (!p)
		return;
	memcpy(&length, p, sizeof(length));
	CHECK(length >= 8 && length <= 200 &&
		      first_wrong(p + sizeof(length), length - sizeof(length), (uintptr_t)p >> 4) ==
			      length - sizeof(length),
	      "a block is not whole");
	memset(p, 0, length);
	free(p);
}

static unsigned char *exchange(uint64_t r, unsigned char *p)
{
	return __atomic_exchange_n(&left[r % HELD], p, __ATOMIC_ACQ_REL);
}

static void allocates(int signo)
{
	int saved = errno;

	(void)signo;
	interrupts++;
	for (int i = 0; i < 8; i++) {
		unsigned char *p = take(&handler_random);

		give(exchange(random_next(&handler_random), p));
	}
	errno = saved;
}

static void interrupt_often(size_t times)
{
	struct sigaction action = { .sa_handler = allocates, .sa_flags = SA_RESTART };
	struct itimerval timer = { { 0, 200 }, { 0, 200 } };
	struct itimerval off = { { 0, 0 }, { 0, 0 } };
	unsigned char *held[HELD] = { NULL };
	uint64_t random = 3;

	CHECK(!sigaction(SIGPROF, &action, NULL), "sigaction");
	for (int repeat = 0; repeat < 2; repeat++) {
		/* by CPU time, and from another process at any time */
		pid_t pid = 0, parent = getpid();

		if (repeat == 0) {
			CHECK(!setitimer(ITIMER_PROF, &timer, NULL), "setitimer");
		} else {
			pid = fork();
			CHECK(pid >= 0, "fork");
			while (!pid) {
				if (kill(parent, SIGPROF) || getppid() != parent)
					_exit(0);
				usleep(50);
			}
		}
		alarm(SECONDS);
		for (size_t goal = interrupts + times; interrupts < goal;) {
			uint64_t r = random_next(&random);
			size_t slot = (r >> 40) % HELD;

			give(held[slot]);
			held[slot] = take(&random);
			if (r % 4 == 0)
				give(exchange(r >> 8, take(&random)));
		}
		alarm(0);
		CHECK(!setitimer(ITIMER_PROF, &off, NULL), "setitimer");
		if (pid) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	signal(SIGPROF, SIG_IGN);
	for (size_t i = 0; i < HELD; i++) {
		give(held[i]);
		give(left[i]);
	}
}

/* In the new image: a timer runs, a signal is pending, and nothing has been allocated by main. */
static void pending_part(void)
{
	struct sigaction action = { .sa_handler = allocates };
	struct itimerval timer = { { 0, 500 }, { 0, 1 } };
	sigset_t set;

	alarm(SECONDS);
	CHECK(!sigaction(SIGPROF, &action, NULL), "sigaction");
	CHECK(!sigaction(SIGVTALRM, &action, NULL), "sigaction");
	CHECK(!setitimer(ITIMER_VIRTUAL, &timer, NULL), "setitimer");
	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	CHECK(!sigprocmask(SIG_UNBLOCK, &set, NULL), "sigprocmask");
	CHECK(interrupts >= 1, "the pending signal did not arrive");
	while (interrupts < 20)
		give(take(&handler_random));
	_exit(0);
}

int main(int argc, char **argv)
{
	size_t times = argument(argc, argv, 1, 2000);

	if (argc > 2)
		pending_part();
	require_provider();
	signal(SIGALRM, hangs);
	interrupt_often(times);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0, "fork");
		if (!pid) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGPROF);
			sigprocmask(SIG_BLOCK, &set, NULL);
			signal(SIGPROF, SIG_DFL);
			raise(SIGPROF);
			execl("/proc/self/exe", argv[0], "0", "pending", NULL);
			_exit(127);
		}
		expect_good_child(pid, "start with a pending signal");
	}
	say(1, "PASS: %zu interrupts\n", interrupts);
	return 0;
}
