// SPDX-License-Identifier: MIT
/*
 * graph - structures of many small objects, built, walked and dropped.
 *
 * Stands for parsers, compilers and interpreters: a syntax tree or a symbol table is built node
 * by node, walked, and dropped as a whole; beside it a few structures live on. Two kinds:
 *
 *   - binary search trees, whose nodes are all of one size: built by insertion in random order,
 *     walked, freed bottom up;
 *   - hash tables with chains, keys of many lengths in blocks of their own, a bucket array that
 *     doubles by calloc and rehash, lookups, deletions, and a drop at the end.
 *
 * A program of this kind spends much of its time following pointers, so it shows not only how
 * fast malloc is but also where it puts things: neighbours in time that are neighbours in memory
 * make the walk fast.
 */
#include "workload.h"

struct node {
	struct node *left, *right;
	uint64_t key;
	uint64_t check; /* wl_mix(key) */
};

static void *must(void *p)
{
	if (!p)
		wl_die("out of memory", NULL);
	return p;
}

static void tree_insert(struct wl_worker *w, struct node **root, uint64_t key)
{
	struct node *node;

	while (*root) {
		if ((*root)->key == key)
			return;
		root = key < (*root)->key ? &(*root)->left : &(*root)->right;
	}
	node = must(malloc(sizeof(*node)));
	*node = (struct node){ .key = key, .check = wl_mix(key) };
	*root = node;
	w->ops++;
}

static uint64_t tree_walk(const struct node *node)
{
	uint64_t sum = 0;

	for (; node; node = node->right) {
		if (node->check != wl_mix(node->key))
			wl_die("a tree node is damaged", node);
		sum += node->check + tree_walk(node->left);
	}
	return sum;
}

static void tree_drop(struct wl_worker *w, struct node *node)
{
	while (node) {
		struct node *right = node->right;

		tree_drop(w, node->left);
		if (node->check != wl_mix(node->key))
			wl_die("a tree node is damaged", node);
		w->sum += node->check;
		free(node);
		node = right;
	}
}

static struct node *tree_build(struct wl_worker *w, uint32_t nodes)
{
	struct node *root = NULL;

	for (uint32_t i = 0; i < nodes; i++)
		tree_insert(w, &root, wl_next(&w->rng));
	w->sum += tree_walk(root);
	return root;
}

struct entry {
	struct entry *next;
	uint64_t hash;
	void *key; /* a self-checking object of its own */
};

struct table {
	struct entry **bucket;
	uint32_t buckets, count;
};

static void table_resize(struct wl_worker *w, struct table *t, uint32_t buckets)
{
	struct entry **bucket = must(calloc(buckets, sizeof(*bucket)));

	w->ops++;
	for (uint32_t i = 0; i < buckets; i++)
		if (bucket[i])
			wl_die("calloc returned memory that is not zero", bucket);
	for (uint32_t i = 0; i < t->buckets; i++) {
		for (struct entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = bucket[e->hash & (buckets - 1)];
			bucket[e->hash & (buckets - 1)] = e;
		}
	}
	free(t->bucket);
	t->bucket = bucket;
	t->buckets = buckets;
}

static void table_insert(struct wl_worker *w, struct table *t, uint64_t hash)
{
	struct entry *e = must(malloc(sizeof(*e)));

	w->ops++;
	if (t->count++ >= t->buckets)
		table_resize(w, t, t->buckets ? 2 * t->buckets : 16);
	e->hash = hash;
	e->key = wl_new(w, 8 + wl_below(&w->rng, wl_below(&w->rng, 8) ? 40 : 400));
	e->next = t->bucket[hash & (t->buckets - 1)];
	t->bucket[hash & (t->buckets - 1)] = e;
}

static bool table_remove(struct wl_worker *w, struct table *t, uint64_t hash)
{
	struct entry **link = &t->bucket[hash & (t->buckets - 1)];

	for (struct entry *e; (e = *link); link = &e->next) {
		if (e->hash == hash) {
			*link = e->next;
			wl_delete(w, e->key);
			free(e);
			t->count--;
			return true;
		}
	}
	return false;
}

static void table_use(struct wl_worker *w, uint32_t entries)
{
	struct wl_rng keys = w->rng;
	struct table t = { .count = 0 };

	for (uint32_t i = 0; i < entries; i++)
		table_insert(w, &t, wl_next(&keys));
	/* A second pass over the same keys takes out every third. */
	keys.state -= (uint64_t)entries * 0x9e3779b97f4a7c15u;
	for (uint32_t i = 0; i < entries; i++) {
		uint64_t key = wl_next(&keys);

		if (i % 3 == 0 && !table_remove(w, &t, key))
			wl_die("a key of the table is lost", t.bucket);
	}
	for (uint32_t i = 0; i < t.buckets; i++)
		for (struct entry *e = t.bucket[i], *next; e; e = next) {
			next = e->next;
			wl_delete(w, e->key);
			free(e);
		}
	free(t.bucket);
}

static uint64_t rounds;
static uint32_t nodes;

static void *run(void *arg)
{
	struct wl_worker *w = arg;
	struct node *old = NULL;

	for (uint64_t i = 0; i < rounds; i++) {
		uint32_t n = nodes / 4 + wl_below(&w->rng, nodes);
		struct node *tree = tree_build(w, n);

		table_use(w, n);
		/* Every fourth tree lives until the next fourth one. */
		if (i % 4 == 0) {
			tree_drop(w, old);
			old = tree;
		} else {
			tree_drop(w, tree);
		}
	}
	tree_drop(w, old);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[WL_MAX_THREADS];
	unsigned int threads;

	wl_args(argc, argv);
	threads = (unsigned int)wl_arg("threads", 1, 1, WL_MAX_THREADS, "threads");
	nodes = (uint32_t)wl_arg("nodes", 20000, 4, 1 << 28, "nodes of a structure, about");
	rounds = wl_scaled((uint64_t)wl_arg("rounds", 160, 1, 1L << 30, "structures in all"));
	rounds = rounds / threads + 1;
	wl_args_end();

	for (unsigned int i = 0; i < threads; i++)
		wl_worker_init(&workers[i], i);
	wl_run(workers, threads, run);
	wl_report(&workers[0]);
	return 0;
}
