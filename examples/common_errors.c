/* SPDX-License-Identifier: MIT */
/*
 * common_errors - what goes wrong with malloc, and what is said of it.
 *
 * Each error is made by a child, so that its death can be looked at. Some are told at once, some
 * only when the object leaves the thread that freed it, and some by nobody: a program that writes
 * into memory it never asked for may just go on. That is what makes them hard.
 *
 * An object of 20 bytes lies in one of 32; what is written past the 20 is in nobody's way, what is
 * written past the 32 is in the next object:
 *
 *      |  name: 20 bytes wanted  :  slack  |  the next object  |
 *      0                        20        32
 */
#include "lecture.h"

/* The compiler cannot know what is in it: else it would see some of the errors, and drop others. */
static char *volatile hidden;
static const char *self; /* this program */

#define LEAK_OPTIONS "slabinfo=/dev/stderr"

static void forgotten(void)
{
	strcpy(hidden, "hello"); /* no malloc before */
}

static void not_initialised(void)
{
	char *old = malloc(64), *new;

	strcpy(old, "what was here before");
	free(old);
	new = malloc(64);
	printf("    new memory says: \"%s\"\n", new);
	CLAIM(new == old && !strcmp(new, "what was here before"), "malloc clears nothing");
	free(new);
}

static void too_small(void)
{
	char *one = malloc(20), *two = malloc(20);
	char *name = one < two ? one : two, *next = one < two ? two : one;

	strcpy(next, "untouched");
	hidden = name;
	memset(hidden, 'x', 24);
	CLAIM(!strcmp(next, "untouched"), "4 bytes too many: into the slack, nothing happens");
	CLAIM(next == name + 32, "20 bytes wanted, 32 given: the next object follows at once");
	memset(hidden, 'x', 36);
	printf("    the neighbour says: \"%.9s\"\n", next);
	CLAIM(!strncmp(next, "xxxxuched", 9),
	      "16 too many end in another object, and nobody says so");
	free(name);
	free(next);
}

static void leaked(void)
{
	if (strcmp(getenv("KMEM_OPTIONS") ?: "", LEAK_OPTIONS)) { /* they are read at the start */
		setenv("KMEM_OPTIONS", LEAK_OPTIONS, 1);
		execl(self, self, "leaked", NULL);
	}
	for (int i = 0; i < 1000; i++)
		MUST((hidden = malloc(3000)) != NULL);
}

static void used_after_free(void)
{
	char *old = malloc(100), *new;

	hidden = old;
	free(old);
	new = malloc(100);
	strcpy(new, "new owner");
	strcpy(hidden, "old owner");
	CLAIM(!strcmp(new, "old owner"), "the object has a new owner, whose data is overwritten");
	free(new);
}

static void freed_twice(void)
{
	hidden = malloc(64);
	free(hidden);
	free(hidden);
	malloc_trim(0); /* told when the object leaves this thread: now, or later on its own */
}

static void not_the_start(void)
{
	hidden = (char *)malloc(1 << 20) + 16;
	free(hidden);
}

static void not_from_malloc(void)
{
	hidden = (char *)&self;
	free(hidden);
}

static const struct {
	const char *name;
	void (*make)(void);
	int signal;	  /* that ends the program, 0 for none */
	const char *said; /* by the library */
} errors[] = {
	{ "forgotten: no malloc before the copy", forgotten, SIGSEGV, "" },
	{ "not initialised: malloc is not calloc", not_initialised, 0, "" },
	{ "too small: 24 and 36 bytes into 20", too_small, 0, "" },
	{ "leaked: 1000 times 3000 bytes, no free", leaked, 0, "kmalloc-3072" },
	{ "used after free", used_after_free, 0, "" },
	{ "freed twice", freed_twice, SIGABRT, "BUG kmalloc-64: double free of 0x" },
	{ "freed in the middle", not_the_start, SIGABRT, "not the start of an object" },
	{ "freed what malloc never gave", not_from_malloc, SIGABRT, "not libkmem's memory" },
};

static void make(size_t i)
{
	static char said[1 << 16];
	unsigned long active = 0;
	const char *row;
	int status;

	printf("\n%s\n", errors[i].name);
	status = death_of(errors[i].make, said, sizeof(said));
	if (errors[i].make == leaked) {
		MUST((row = strstr(said, errors[i].said)) && sscanf(row, "%*s %lu", &active) == 1);
		printf("    slabinfo at exit: %.*s\n", (int)strcspn(row, ":"), row);
		CLAIM(active >= 1000, "%lu objects still in use at the end", active);
	} else if (errors[i].signal) {
		printf("    %s", *said ? said : "(no word)\n");
		CLAIM(strstr(said, errors[i].said), "that is what is said of it");
		CLAIM(WTERMSIG(status) == errors[i].signal, "and the program ends by a signal: %s",
		      strsignal(WTERMSIG(status)));
	} else {
		CLAIM(!*said && !status, "nothing is said of it");
	}
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1)
		return leaked(), 0;
	lecture("Common errors");
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		make(i);
	return 0;
}
