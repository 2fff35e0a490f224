/*
 * signals [TIMES [exchange]]: signal handlers that allocate.
 *
 * POSIX does not allow it, programs do it all the same, and an allocator that hangs turns a report
 * of a crash into a silence. A timer interrupts the main thread, which allocates and frees without
 * pause, TIMES times; its handler allocates some blocks, small and large, and frees them. Nothing
 * may hang, and no block of the main thread may be harmed. A handler that came in the middle of the
 * allocator's own work may be refused, with ENOMEM, but not often; the main thread never. A second
 * part starts the program anew with the signal pending and a handler set before the allocator's
 * first call.
 *
 * The handler's small sizes are of classes that the main thread does not use: taking a block from a
 * thread's own list has two steps, and between them a handler may use up the same list. With
 * "exchange" it does use the same sizes, keeps blocks, and frees those that the main thread left
 * for it, which asks for more than any allocator has been found to give that does not block
 * signals.
 */
#include "stress.h"
#include <sys/time.h>

#define SECONDS 30
#define HELD	64
#define NESTED	8

static volatile size_t interrupts;
static size_t handler_calls, handler_refused;
static unsigned char *left[HELD];
static int exchanges;
static uint64_t handler_random = 7;

static void hangs(int signo)
{
	(void)signo;
	CHECK(0, "hangs after %zu interrupts", interrupts);
}

/*
 * Large blocks are often of two lengths: what one has freed is what the other wants, see
 * large_keep().
 */
static size_t some_size(uint64_t r, int in_handler)
{
	if (r % 50 == 0)
		return 33 * KIB + (r >> 8) % (300 * KIB);
	if (r % 50 < (in_handler ? 2 : 5))
		return 50 * KIB + (r >> 8) % 2 * 30 * KIB;
	return (in_handler && !exchanges ? 2049 : 8) + (r >> 8) % 2000;
}

/* The block's length is in its first bytes, the pattern fills what fits of the rest. */
static unsigned char *try_take(uint64_t *random, int in_handler)
{
	uint64_t r = random_next(random);
	size_t n = some_size(r, in_handler);
	unsigned char *p = opaque(malloc(n));
	unsigned int length = n > 200 ? 200 : (unsigned int)n;

	if (!p) {
		CHECK(errno == ENOMEM, "errno is %d after NULL", errno);
		return NULL;
	}
	memcpy(p, &length, sizeof(length));
	fill(p + sizeof(length), length - sizeof(length), (uintptr_t)p >> 4);
	return p;
}

static unsigned char *take(uint64_t *random)
{
	return must(try_take(random, 0));
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
	unsigned char *p[NESTED];
	int saved = errno;

	(void)signo;
	interrupts++;
	for (int i = 0; i < NESTED; i++) {
		p[i] = try_take(&handler_random, 1);
		handler_calls++;
		handler_refused += !p[i];
		if (exchanges)
			p[i] = exchange(random_next(&handler_random), p[i]);
	}
	for (int i = NESTED; i--;)
		give(p[i]);
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
		for (size_t goal = interrupts + times, seen = 0; interrupts < goal;) {
			uint64_t r = random_next(&random);
			size_t slot = (r >> 40) % HELD;

			if (seen != interrupts) {
				seen = interrupts;
				alarm(SECONDS);
			}
			give(held[slot]);
			held[slot] = take(&random);
			if (exchanges && r % 4 == 0)
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

	if (argc > 2 && !strcmp(argv[2], "pending"))
		pending_part();
	exchanges = argc > 2 && !strcmp(argv[2], "exchange");
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
	say(1, "%zu interrupts, %zu allocations in them, %zu refused\n", interrupts, handler_calls,
	    handler_refused);
	CHECK(handler_refused <= handler_calls / 20, "a handler is refused too often");
	say(1, "PASS\n");
	return 0;
}
