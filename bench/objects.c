/* SPDX-License-Identifier: MIT */
/*
 * objects: what an object cache saves.
 *
 * The object is what such caches were made for: a session of 1 KiB with locks, list heads, an empty
 * hash table and a table of numbers, all of which have to be set up once, and are in that state
 * again whenever the session ends. A constructor sets it up when it is first taken; malloc's user
 * does so for every object. The other rows compare the allocators alone, with an object that needs
 * no setting up.
 *
 * Each row is a way to get objects, use them a little, and give them back, 64 at a time. Rows run
 * in turns, for a number of rounds; what is printed is each row's median, per object, and its ratio
 * to the row that it is compared with.
 *
 *	objects [ROUNDS]	times
 *	objects ROW N		one row, N sets of objects, nothing printed: for callgrind
 */
#include <kmem/slab.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SET	    64	 /* objects held at once */
#define SETS	    2000 /* a row's turn */
#define BUCKETS	    32
#define CRC_ENTRIES 64
#define PLAIN_SIZE  200

struct node {
	struct node *next, *prev;
};

struct session {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	struct node requests, replies;
	unsigned int crc[CRC_ENTRIES];
	struct node bucket[BUCKETS];
	unsigned long used;
	char name[128];
};

_Static_assert(sizeof(struct session) == 1024, "what is compared is not the rounding of sizes");

static void init_node(struct node *node)
{
	node->next = node->prev = node;
}

static void init_session(void *object)
{
	struct session *s = object;
	unsigned int i, bit, value;

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ready, NULL);
	init_node(&s->requests);
	init_node(&s->replies);
	for (i = 0; i < CRC_ENTRIES; i++) {
		value = i;
		for (bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
		s->crc[i] = value;
	}
	for (i = 0; i < BUCKETS; i++)
		init_node(&s->bucket[i]);
	s->used = 0;
}

/* The same little for every row: and in the end the session is as it was. */
static void use_session(struct session *s)
{
	s->used += s->crc[s->used % CRC_ENTRIES];
	s->used = 0;
}

static void *objects[SET];
static struct kmem_cache *sessions, *plain;

/* ---- Rows ---- */

static void malloc_and_init(void)
{
	int i;

	for (i = 0; i < SET; i++) {
		objects[i] = malloc(sizeof(struct session));
		init_session(objects[i]);
		use_session(objects[i]);
	}
	for (i = 0; i < SET; i++) {
		struct session *s = objects[i];

		pthread_cond_destroy(&s->ready);
		pthread_mutex_destroy(&s->lock);
		free(s);
	}
}

static void constructed(void)
{
	int i;

	for (i = 0; i < SET; i++) {
		objects[i] = kmem_cache_alloc(sessions, GFP_KERNEL);
		use_session(objects[i]);
	}
	for (i = 0; i < SET; i++)
		kmem_cache_free(sessions, objects[i]);
}

/* What is written to an object that needs no setting up. */
static void use_plain(void *object)
{
	*(long *)object = 1;
}

static void plain_malloc(void)
{
	int i;

	for (i = 0; i < SET; i++) {
		objects[i] = malloc(PLAIN_SIZE);
		use_plain(objects[i]);
	}
	for (i = 0; i < SET; i++)
		free(objects[i]);
}

static void plain_kmalloc(void)
{
	int i;

	for (i = 0; i < SET; i++) {
		objects[i] = kmalloc(PLAIN_SIZE, GFP_KERNEL);
		use_plain(objects[i]);
	}
	for (i = 0; i < SET; i++)
		kfree(objects[i]);
}

static void plain_cache(void)
{
	int i;

	for (i = 0; i < SET; i++) {
		objects[i] = kmem_cache_alloc(plain, GFP_KERNEL);
		use_plain(objects[i]);
	}
	for (i = 0; i < SET; i++)
		kmem_cache_free(plain, objects[i]);
}

static void plain_bulk(void)
{
	int i;

	if (kmem_cache_alloc_bulk(plain, GFP_KERNEL, SET, objects) != SET)
		abort();
	for (i = 0; i < SET; i++)
		use_plain(objects[i]);
	kmem_cache_free_bulk(plain, SET, objects);
}

struct row {
	const char *name, *peer;
	void (*run)(void);
	double ns[101]; /* per object, of each round */
};

static struct row rows[] = {
	{ .name = "malloc+init", .run = malloc_and_init },
	{ .name = "constructed", .peer = "malloc+init", .run = constructed },
	{ .name = "malloc", .run = plain_malloc },
	{ .name = "kmalloc", .peer = "malloc", .run = plain_kmalloc },
	{ .name = "cache", .peer = "malloc", .run = plain_cache },
	{ .name = "bulk", .peer = "cache", .run = plain_bulk },
};

#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static struct row *find_row(const char *name)
{
	size_t i;

	for (i = 0; i < NR_ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	fprintf(stderr, "objects: no row %s\n", name);
	exit(2);
}

/* ---- Measuring ---- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double take_turn(struct row *row)
{
	double start;
	int i;

	/* What the row before left in the caches is not this one's. */
	row->run();
	start = seconds();
	for (i = 0; i < SETS; i++)
		row->run();
	return (seconds() - start) * 1e9 / ((double)SETS * SET);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(int rounds)
{
	size_t i;
	int round;

	for (round = 0; round < rounds; round++)
		for (i = 0; i < NR_ROWS; i++)
			rows[i].ns[round] = take_turn(&rows[i]);
	for (i = 0; i < NR_ROWS; i++)
		qsort(rows[i].ns, (size_t)rounds, sizeof(double), compare);
	printf("%-12s %10s %10s %10s   %s\n", "row", "ns/object", "quartile", "quartile",
	       "against");
	for (i = 0; i < NR_ROWS; i++) {
		const struct row *row = &rows[i];

		printf("%-12s %10.2f %10.2f %10.2f", row->name, row->ns[rounds / 2],
		       row->ns[rounds / 4], row->ns[rounds * 3 / 4]);
		if (row->peer)
			printf("   %.2f of %s",
			       row->ns[rounds / 2] / find_row(row->peer)->ns[rounds / 2],
			       row->peer);
		printf("\n");
	}
}

static void run_only(const char *name, long n)
{
	struct row *row = find_row(name);

	while (n-- > 0)
		row->run();
}

int main(int argc, char **argv)
{
	int rounds = argc == 2 ? atoi(argv[1]) : 31;

	sessions = kmem_cache_create("session", sizeof(struct session), 0, 0, init_session);
	plain = kmem_cache_create("plain", PLAIN_SIZE, 0, SLAB_NO_MERGE, NULL);
	if (!sessions || !plain)
		return 1;
	if (argc == 3)
		run_only(argv[1], atol(argv[2]));
	else if (rounds < 1 || rounds > 101)
		return 2;
	else
		measure(rounds);
	return 0;
}
