/*
 * Before main, and after it.
 *
 * The program's preinit_array runs before the constructors of any library, the allocator's
 * included; constructors of high priority run before most others. Here they allocate, fork and make
 * threads, all before the library may have had a say. Destructors do the same when it may think
 * that it is over. What was taken early is freed late and the other way round.
 */
#include "outside.h"
#include <pthread.h>
#include <sys/wait.h>

static unsigned char *at_preinit[100], *at_init[100];
static int stages;

static void *in_thread(void *arg)
{
	for (size_t i = 0; i < 1000; i++) {
		void *p = malloc(i * 11);

		CHECK(p, "no memory");
		memset(p, 1, i * 11);
		free(p);
	}
	free(arg);
	return malloc(500);
}

static void thread_and_fork(void)
{
	pthread_t t;
	void *result;
	int status;
	pid_t pid;

	CHECK(!pthread_create(&t, NULL, in_thread, malloc(300)), "thread");
	CHECK(!pthread_join(t, &result), "join");
	free(result);
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		result = malloc(70000);
		CHECK(result, "no memory");
		memset(result, 1, 70000);
		free(result);
		CHECK(!pthread_create(&t, NULL, in_thread, malloc(300)), "thread");
		CHECK(!pthread_join(t, &result), "join");
		free(result);
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7, "child 0x%x", status);
}

static void take_all(unsigned char **p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p[i] = malloc(i * i * 10);
		CHECK(p[i], "no memory");
		fill(p[i], i * i * 10, i);
	}
}

static void give_all(unsigned char **p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CHECK(first_wrong(p[i], i * i * 10, i) == i * i * 10, "block %zu", i);
		free(p[i]);
	}
}

static void preinit(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
	take_all(at_preinit, ARRAY_SIZE(at_preinit));
	thread_and_fork();
	stages++;
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const preinit_entry)(int, char **, char **) = preinit;

__attribute__((constructor(101))) static void init(void)
{
	take_all(at_init, ARRAY_SIZE(at_init));
	thread_and_fork();
	stages++;
}

__attribute__((destructor(101))) static void fini(void)
{
	static unsigned char *late[100];

	give_all(at_init, ARRAY_SIZE(at_init));
	take_all(late, ARRAY_SIZE(late));
	thread_and_fork();
	give_all(late, ARRAY_SIZE(late));
	CHECK(write(1, "PASS\n", 5) == 5, "write");
}

static void at_exit(void)
{
	take_all(at_preinit, ARRAY_SIZE(at_preinit));
	thread_and_fork();
	give_all(at_preinit, ARRAY_SIZE(at_preinit));
}

int main(void)
{
	require_provider();
	CHECK(stages == 2, "%d of 2 stages ran before main", stages);
	CHECK(!atexit(at_exit), "atexit");
	give_all(at_preinit, ARRAY_SIZE(at_preinit));
	return 0;
}
