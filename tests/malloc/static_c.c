/*
 * A program that links the archive: C, with threads, fork and libc's own users of malloc.
 *
 * It is built twice, against the shared libc and with -static, and run with KMEM_OPTIONS=slabinfo=
 * by static.sh, which finds the live blocks of BLOCK bytes in the file written at exit. A program
 * whose malloc were libc's would write no such file. The exit code is 0 when everything held.
 */
#include "outside.h"
#include <pthread.h>
#include <sys/wait.h>

#define THREADS 4
#define BLOCK	208
#define BLOCKS	1000

static void *kept[BLOCKS];

static void *work(void *arg)
{
	size_t seed = (size_t)(uintptr_t)arg;

	for (size_t i = 1; i < 2000; i++) {
		size_t n = i * 37 % 9000;
		void *p = malloc(n);

		CHECK(p, "malloc(%zu)", n);
		fill(p, n, seed + i);
		p = realloc(p, n * 2);
		CHECK(p && first_wrong(p, n, seed + i) == n, "realloc");
		free(p);
	}
	return malloc(seed + 1);
}

static void run_threads(void)
{
	pthread_t threads[THREADS];

	for (size_t t = 0; t < THREADS; t++)
		CHECK(!pthread_create(&threads[t], NULL, work, (void *)(uintptr_t)t), "thread");
	for (size_t t = 0; t < THREADS; t++) {
		void *result;

		CHECK(!pthread_join(threads[t], &result), "join");
		free(result);
	}
}

static void in_a_child(void)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0, "fork");
	if (!pid) {
		free(kept[3]);
		run_threads();
		_exit(42);
	}
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42, "child: 0x%x", status);
}

int main(void)
{
	char *line = NULL, *text;
	size_t room = 0;
	FILE *f = fopen("/proc/self/status", "r");
	int lines = 0;

	CHECK(f, "fopen");
	while (getline(&line, &room, f) > 0)
		lines++;
	CHECK(lines > 10, "%d lines", lines);
	fclose(f);
	free(line);
	CHECK(asprintf(&text, "%d %s", lines, "lines") > 0, "asprintf");
	for (size_t i = 0; i < BLOCKS; i++)
		CHECK(kept[i] = malloc(BLOCK), "malloc");
	run_threads();
	in_a_child();
	run_threads();
	puts(text);
	free(text);
	return 0;
}
