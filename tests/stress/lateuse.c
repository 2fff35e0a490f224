/*
 * Use of the allocator when it may think that it is over.
 *
 * A thread's last calls can come after every destructor the allocator could have registered for it,
 * and a program's last calls after exit has begun. Here a thread key that is made before any other
 * is set again from its own destructor, round after round, so that it is always the last; handlers
 * of atexit allocate; and main itself ends by pthread_exit while other threads go on, the last of
 * which ends the process. Each part is a child of its own, whose exit code is checked.
 */
#include "stress.h"
#include <limits.h>

static pthread_key_t key;
static int rounds;
static void *across;

static void work(void)
{
	void *held[100];

	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = must(malloc(i * 500));
		fill(held[i], i * 500, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		CHECK(first_wrong(held[i], i * 500, i) == i * 500, "contents");
		held[i] = must(realloc(held[i], i * 700 + 1));
		CHECK(first_wrong(held[i], i * 500, i) == i * 500, "contents");
		free(held[i]);
	}
	for (size_t n = 100; n < 10 * MIB; n *= 3)
		free(must(calloc(1, n)));
}

static void destructor(void *p)
{
	free(p);
	work();
	free(across);
	across = must(malloc(1000));
	if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
		CHECK(!pthread_setspecific(key, must(malloc(10))), "pthread_setspecific");
}

static void *thread(void *arg)
{
	CHECK(!pthread_setspecific(key, must(malloc(10))), "pthread_setspecific");
	work();
	return arg;
}

/* The thread's first call of the allocator is in the destructor. */
static void *idle_thread(void *arg)
{
	CHECK(!pthread_setspecific(key, arg), "pthread_setspecific");
	return NULL;
}

static void destructors(void)
{
	for (int i = 0; i < 50; i++) {
		rounds = 0;
		finish(start(thread, NULL));
		CHECK(rounds == PTHREAD_DESTRUCTOR_ITERATIONS, "%d rounds", rounds);
		rounds = 0;
		finish(start(idle_thread, must(malloc(10))));
		CHECK(rounds == PTHREAD_DESTRUCTOR_ITERATIONS, "%d rounds", rounds);
	}
	work();
}

static void *detached(void *arg)
{
	work();
	return arg;
}

static void last_handler(void)
{
	work();
	finish(start(thread, NULL));
	/* the exit code says that this was reached */
	_exit(42);
}

static void handler(void)
{
	pthread_t t;

	work();
	free(across);
	across = must(malloc(5000));
	/* still running when the process ends */
	CHECK(!pthread_create(&t, NULL, detached, NULL), "thread");
	CHECK(!pthread_detach(t), "detach");
	CHECK(!atexit(last_handler), "atexit in a handler");
}

static void exit_handlers(void)
{
	CHECK(!atexit(handler), "atexit");
	across = must(malloc(100));
	work();
	exit(1);
}

/* exit(), in one thread, while others allocate: the destructors of libraries run beside them. */
static void *forever(void *arg)
{
	for (;;)
		work();
	return arg;
}

static void exit_among_threads(void)
{
	for (int i = 0; i < 4; i++)
		start(forever, NULL);
	work();
	exit(42);
}

static pthread_t main_thread;

static void *outlives_main(void *arg)
{
	CHECK(!pthread_join(main_thread, NULL), "join of main");
	CHECK(first_wrong(arg, 3000, 5) == 3000, "a block of the main thread changed");
	free(arg);
	work();
	exit(42);
}

static void main_leaves(void)
{
	char *p = must(malloc(3000));

	main_thread = pthread_self();
	fill(p, 3000, 5);
	CHECK(!pthread_setspecific(key, must(malloc(10))), "pthread_setspecific");
	start(outlives_main, p);
	pthread_exit(NULL);
}

/* fork in a thread, whose main then is that thread; and the end of it. */
static void *forks(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	CHECK(pid >= 0, "fork");
	if (!pid) {
		alarm(60);
		work();
		CHECK(!pthread_setspecific(key, must(malloc(10))), "pthread_setspecific");
		pthread_exit(NULL);
	}
	expect_good_child(pid, "fork in a thread");
	return NULL;
}

static void fork_in_thread(void)
{
	for (int i = 0; i < 20; i++)
		finish(start(forks, NULL));
	exit(42);
}

static void in_child(void (*part)(void), int code, const char *what)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0, "fork");
	if (!pid) {
		alarm(60);
		part();
		_exit(2);
	}
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code, "%s: status 0x%x", what, status);
}

int main(void)
{
	CHECK(!pthread_key_create(&key, destructor), "pthread_key_create");
	require_provider();
	destructors();
	in_child(exit_handlers, 42, "handlers of atexit");
	for (int i = 0; i < 20; i++)
		in_child(exit_among_threads, 42, "exit among threads");
	in_child(main_leaves, 42, "pthread_exit from main");
	in_child(fork_in_thread, 42, "fork in a thread");
	say(1, "PASS\n");
	return 0;
}
