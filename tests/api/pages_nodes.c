/* SPDX-License-Identifier: MIT */
/* Several nodes on any machine: run with KMEM_OPTIONS=numa=fake=4. */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include <kmem/slab.h>
#include <valgrind/valgrind.h>

#include "pages.h"

#define NODES 4

/* Runs on one processor from now on: its node is the processor's number modulo the nodes. */
static int run_on_one_cpu(unsigned int nth)
{
	cpu_set_t all, one;
	int cpu;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && nth-- == 0)
			break;
	if (cpu == CPU_SETSIZE)
		return -1;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	return cpu;
}

static void *on_a_cpu(void *arg)
{
	int cpu = run_on_one_cpu(*(unsigned int *)arg);
	struct page *page;
	unsigned int order;

	if (cpu < 0)
		return NULL;
	assert_int_equal(numa_node_id(), cpu % NODES);
	for (order = 0; order < 6; order++) {
		page = alloc_pages(GFP_KERNEL, order);
		assert_int_equal(page_to_nid(page), cpu % NODES);
		__free_pages(page, order);
	}
	return NULL;
}

static void a_thread_has_pages_of_its_processors_node(void **state)
{
	pthread_t thread;
	unsigned int nth;

	(void)state;
	assert_int_equal(num_online_nodes(), NODES);
	for (nth = 0; nth < 8; nth++) {
		assert_int_equal(pthread_create(&thread, NULL, on_a_cpu, &nth), 0);
		pthread_join(thread, NULL);
	}
}

/* One that moves takes its pages from where it is. */
static void *moving(void *arg)
{
	cpu_set_t all;
	unsigned int nth, i;

	(void)arg;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (i = 0; i < 20; i++)
		for (nth = 0; nth < 2; nth++) {
			struct page *page;
			int cpu = run_on_one_cpu(nth);

			if (cpu < 0)
				continue;
			page = alloc_page(GFP_KERNEL);
			assert_int_equal(page_to_nid(page), cpu % NODES);
			__free_page(page);
			sched_setaffinity(0, sizeof(all), &all);
		}
	return NULL;
}

static void a_thread_that_moves_changes_its_node(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, moving, NULL), 0);
	pthread_join(thread, NULL);
}

static void a_node_may_be_asked_for(void **state)
{
	unsigned int order;
	int nid;

	(void)state;
	for (nid = 0; nid < NODES; nid++)
		for (order = 0; order < 10; order++) {
			struct page *page = alloc_pages_node(nid, GFP_KERNEL, order);
			void *exact = alloc_pages_exact_nid(nid, 5 * PAGE_SIZE, GFP_KERNEL);

			assert_int_equal(page_to_nid(page), nid);
			assert_int_equal(page_to_nid(virt_to_page(exact)), nid);
			memset(page_address(page), nid, PAGE_SIZE << order);
			memset(exact, nid, 5 * PAGE_SIZE);
			__free_pages(page, order);
			free_pages_exact(exact, 5 * PAGE_SIZE);
		}
}

static void a_node_that_is_not_there(void **state)
{
	struct page *page = alloc_pages_node(NODES, GFP_KERNEL, 0);

	(void)state;
	assert_non_null(page);
	__free_page(page);
	assert_null(alloc_pages_node(NODES, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	assert_null(alloc_pages_node(1000,
				     GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN | __GFP_NOFAIL, 0));
	assert_null(alloc_pages_node(-7, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
}

/* What one node has free serves all but those who ask for another and no other. */
static void nodes_help_each_other_out(void **state)
{
	static struct page *pages[200000];
	unsigned int n = 0, i;
	struct page *page = alloc_pages_node(2, GFP_KERNEL, 6), *other;
	const gfp_t flags = GFP_KERNEL | __GFP_NOWARN;

	(void)state;
	malloc_trim(0);
	refuse_memory(true);
	for (i = 0; i < NODES; i++)
		while ((other = alloc_pages_node((int)i, flags | __GFP_THISNODE, 0))) {
			assert_true(n < 200000);
			pages[n++] = other;
		}
	assert_null(alloc_pages_node(1, flags, 3));
	__free_pages(page, 6);
	assert_null(alloc_pages_node(1, flags | __GFP_THISNODE, 3));
	assert_null(alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE, 3));
	other = alloc_pages_node(1, flags, 3);
	assert_non_null(other);
	assert_int_equal(page_to_nid(other), 2);
	__free_pages(other, 3);
	other = alloc_pages_node(1, GFP_NOWAIT, 3);
	assert_int_equal(page_to_nid(other), 2);
	__free_pages(other, 3);
	refuse_memory(false);
	for (i = 0; i < n; i++)
		__free_page(pages[i]);
}

static void low_addresses_of_a_node(void **state)
{
	struct page *page = alloc_pages_node(3, GFP_KERNEL | __GFP_DMA32, 2);

	(void)state;
	assert_int_equal(page_to_nid(page), 3);
	assert_int_equal(page_zonenum(page), ZONE_DMA32);
	assert_true((unsigned long)page_address(page) < 1UL << 32);
	assert_non_null(strstr(printed(buddyinfo_print), "Node 3, zone    DMA32 "));
	__free_pages(page, 2);
}

static void every_node_is_shown(void **state)
{
	const char *text = printed(buddyinfo_print);
	char line[64];
	int nid;

	(void)state;
	for (nid = 0; nid < NODES; nid++) {
		snprintf(line, sizeof(line), "Node %d, zone   Normal ", nid);
		assert_non_null(strstr(text, line));
	}
	assert_non_null(strstr(printed(zoneinfo_print), "Node 3, zone   Normal\n"));
}

/* Trim, and the figures of malloc, know all nodes. */
static void malloc_s_figures_cover_all_nodes(void **state)
{
	size_t used = mallinfo2().uordblks;
	struct page *page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, MAX_ORDER);

	(void)state;
	memset(page_address(page), 1, 64 * MIB);
	assert_int_equal(mallinfo2().uordblks, used + 64 * MIB);
	assert_true(mallinfo2().arena >= mallinfo2().uordblks);
	__free_pages(page, MAX_ORDER);
	malloc_trim(0);
	assert_int_equal(malloc_trim(0), 0);
	assert_int_equal(mallinfo2().uordblks, used);
}

/* Objects are freed on other nodes than they came from, by malloc's own threads, and by forks. */
static void *churn(void *arg)
{
	void *objects[64] = { NULL };
	unsigned int i, seed = (unsigned int)(uintptr_t)arg;

	for (i = 0; i < 20000; i++) {
		unsigned int n = (seed = seed * 1664525 + 1013904223) >> 26;

		free(objects[n]);
		objects[n] = malloc((seed >> 8) % 20000);
		assert_non_null(objects[n]);
		*(char *)objects[n] = 1;
	}
	for (i = 0; i < 64; i++)
		free(objects[i]);
	return NULL;
}

static void threads_and_forks_on_all_nodes(void **state)
{
	pthread_t threads[6];
	int i, status;

	(void)state;
	for (i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)i);
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct page *page = alloc_pages_node(i % NODES, GFP_KERNEL, 3);

			free(malloc(100000));
			__free_pages(page, 3);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	for (i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
}

/*
 * Threads that come and go: what lies in their caches goes back to slabs of all nodes at once, and
 * a slab may be gone as soon as the last object was given back, by whomever.
 */
#define VISITORS 48

static pthread_barrier_t all_here;

static void *visit(void *arg)
{
	void *objects[30];
	unsigned int i;

	(void)arg;
	for (i = 0; i < 30; i++) {
		objects[i] = malloc(256 * (i % 8 + 1));
		assert_non_null(objects[i]);
		*(char *)objects[i] = 1;
	}
	/* each holds part of the slabs that the others free of */
	pthread_barrier_wait(&all_here);
	for (i = 0; i < 30; i++)
		free(objects[i]);
	return NULL;
}

static void threads_come_and_go(void **state)
{
	pthread_t threads[VISITORS];
	unsigned int round, i;

	(void)state;
	pthread_barrier_init(&all_here, NULL, VISITORS);
	for (round = 0; round < (RUNNING_ON_VALGRIND ? 2u : 500u); round++) {
		for (i = 0; i < VISITORS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, visit, NULL), 0);
		for (i = 0; i < VISITORS; i++)
			pthread_join(threads[i], NULL);
	}
	pthread_barrier_destroy(&all_here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_has_pages_of_its_processors_node),
		cmocka_unit_test(a_thread_that_moves_changes_its_node),
		cmocka_unit_test(a_node_may_be_asked_for),
		cmocka_unit_test(a_node_that_is_not_there),
		cmocka_unit_test(nodes_help_each_other_out),
		cmocka_unit_test(low_addresses_of_a_node),
		cmocka_unit_test(every_node_is_shown),
		cmocka_unit_test(malloc_s_figures_cover_all_nodes),
		cmocka_unit_test(threads_and_forks_on_all_nodes),
		cmocka_unit_test(threads_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
