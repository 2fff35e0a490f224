# what: valgrind --tool=none: a threaded program on the library, every instruction translated
# set: full
# limit: 300
# needs: valgrind gcc
#
# Valgrind runs the library's own code: its system calls, its thread-local variable, its fork
# handlers, under one lock and with another address space layout. tool=none replaces no malloc.
# shellcheck shell=bash

cat >work.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *slots[256];
static pthread_mutex_t locks[256];

static void *churn(void *arg)
{
	unsigned state = (unsigned)(size_t)arg, sum = 0;

	for (int i = 0; i < 40000; i++) {
		unsigned slot, size;
		unsigned char *p, *old;

		state = state * 1103515245 + 12345;
		slot = state >> 24;
		size = 1 + (state >> 8) % (i % 100 ? 600 : 100000);
		p = i % 3 ? malloc(size) : calloc(1, size);
		if (i % 3 == 0)
			sum += p[size - 1];
		if (i % 7 == 0)
			p = realloc(p, size * 2);
		p[0] = 1;
		pthread_mutex_lock(&locks[slot]);
		old = slots[slot];
		slots[slot] = p;
		pthread_mutex_unlock(&locks[slot]);
		if (old && old[0] != 1)
			abort();
		free(old);
	}
	return (void *)(size_t)sum;
}

static void probe(void)
{
	char line[4096];
	FILE *maps = fopen("/proc/self/maps", "r"), *out = fopen(getenv("CASE_PROBE"), "a");
	int there = 0;

	while (fgets(line, sizeof(line), maps))
		there |= strstr(line, getenv("CASE_LIB")) != NULL;
	fprintf(out, "%s the program in valgrind (its own maps)\n", there ? "yes" : "no");
	fclose(out);
	fclose(maps);
}

int main(void)
{
	pthread_t threads[4];
	int status;

	probe();
	for (int i = 0; i < 256; i++)
		pthread_mutex_init(&locks[i], NULL);
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
	for (int i = 0; i < 4; i++) {
		void *sum;

		pthread_join(threads[i], &sum);
		printf("thread %d: %zu\n", i, (size_t)sum);
	}
	fflush(stdout);
	if (fork() == 0) {
		printf("child: %zu\n", (size_t)churn((void *)9));
		fflush(stdout);
		_exit(7);
	}
	wait(&status);
	printf("status %d\n", WEXITSTATUS(status));
	return 0;
}
C
gcc -O1 -g -pthread -o work work.c
valgrind --tool=none --log-file=valgrind-%p.log ./work
# A program that starts programs.
# shellcheck disable=SC2016 # perl's own $_
valgrind --tool=none --trace-children=yes --log-file=valgrind-%p.log \
	perl -e 'print map { "$_\n" } sort map { $_ * 7 % 101 } 1 .. 500; system "/bin/echo", "done"'
cat valgrind-*.log | grep -aiE 'signal|unhandled|assert' || :
