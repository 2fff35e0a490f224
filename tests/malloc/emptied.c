/* SPDX-License-Identifier: MIT */
/*
 * A program that drops all it had gets small again, without being asked and without a call more.
 *
 * The heap is built of all sizes, by this thread and by two more, and dropped in another order.
 * What the kernel says of the process then must be near to what it was before, with a margin for
 * whatever the library keeps on purpose. A thread, and a child of fork, must be able to go on with
 * it.
 */
#include "outside.h"
#include <pthread.h>
#include <sys/wait.h>

#define MANY 60000u

static void *objects[3][MANY];

/* Resident bytes that are no file's. */
static size_t resident(void)
{
	char text[4000], *at;
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	CHECK(n > 0, "/proc/self/status");
	close(fd);
	text[n] = '\0';
	at = strstr(text, "RssAnon:");
	CHECK(at, "no RssAnon in %s", text);
	return strtoul(at + strlen("RssAnon:"), NULL, 10) * KIB;
}

static size_t size_of(unsigned int i)
{
	return i % 100 ? i * 7919u % 900 + 1 : i * 7919u % 200000 + 1;
}

static void build(void **p)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		p[i] = malloc(size_of(i));
		CHECK(p[i], "no memory");
		memset(p[i], (int)i, size_of(i));
	}
}

static void drop(void **p)
{
	unsigned int i;

	for (i = 0; i < MANY; i++)
		free(p[i * 7919u % MANY]);
}

static void *in_thread(void *arg)
{
	build(arg);
	drop(arg);
	return NULL;
}

static void expect_small(size_t before, const char *when)
{
	size_t now = resident();

	CHECK(now < before + 4 * MIB, "%s: %zu KiB, before %zu KiB", when, now / KIB, before / KIB);
}

int main(void)
{
	pthread_t threads[2];
	size_t before, most;
	int i, status;
	pid_t pid;

	memset(objects, 1, sizeof(objects));
	before = resident();
	build(objects[0]);
	most = resident();
	CHECK(most > before + 32 * MIB, "%zu KiB", most / KIB);
	errno = 4711;
	drop(objects[0]);
	CHECK(errno == 4711, "errno %d", errno);
	expect_small(before, "dropped");

	/* the child drops what its parent built */
	build(objects[0]);
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		drop(objects[0]);
		in_thread(objects[1]);
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7,
	      "status 0x%x", status);
	drop(objects[0]);

	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, in_thread, objects[i + 1]), "thread");
	for (i = 0; i < 2; i++)
		CHECK(!pthread_join(threads[i], NULL), "join");
	/*
	 * a loop goes on as it did, whatever is given back in it; not for long, since all of it is
	 * faulted in again
	 */
	for (i = 0; i < 20; i++)
		in_thread(objects[0]);
	CHECK(resident() > before + 16 * MIB, "%zu KiB", resident() / KIB);
	/* until that is paid for */
	for (i = 0; i < 60 && resident() >= before + 4 * MIB; i++) {
		usleep(200000);
		build(objects[0]);
		drop(objects[0]);
	}
	expect_small(before, "dropped again and again");
	return 0;
}
