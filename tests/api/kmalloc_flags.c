/* SPDX-License-Identifier: MIT */
/* What the flags of kmalloc's family mean: who enters the OS, who waits, and where memory lies. */
#include "kmalloc.h"

#include <kmem/mm.h>
#include <pthread.h>

/* Takes all there is of every size, without a call, and is then told NULL. */
static void take_all_atomically(gfp_t flags)
{
	size_t i, nr = 0;

	for (i = NR_SIZES; i-- > 0;)
		while (kmalloc(sizes[i], flags))
			nr++;
	CHILD_EXPECT(nr > 0);
	CHILD_EXPECT(errno == ENOMEM);
	CHILD_EXPECT(!kvmalloc(100 * KIB, flags) && !krealloc(NULL, 100 * KIB, flags));
	CHILD_EXPECT(!kstrdup("no room", flags));
}

static void take_all_atomic(void)
{
	kfree(kmalloc(100, GFP_KERNEL));
	forbid_memory_calls();
	take_all_atomically(GFP_ATOMIC | __GFP_NOWARN);
}

static void take_all_nowait(void)
{
	kfree(kmalloc(100, GFP_KERNEL));
	forbid_memory_calls();
	take_all_atomically(GFP_NOWAIT);
}

/* A larger block could be had by the OS alone, even one that is there already. */
static void grow_atomically(void)
{
	char *small = kmalloc(100000, GFP_KERNEL), *large = kmalloc(10 * MIB, GFP_KERNEL);

	fill(small, 100000);
	fill(large, 100000);
	forbid_memory_calls();
	CHILD_EXPECT(!krealloc(small, 100 * MIB, GFP_ATOMIC | __GFP_NOWARN));
	CHILD_EXPECT(!krealloc(large, 200 * MIB, GFP_NOWAIT));
	CHILD_EXPECT(!kvrealloc(large, 200 * MIB, GFP_NOWAIT));
	CHILD_EXPECT(is_filled(small, 100000) && is_filled(large, 100000));
}

/* Nor are the pages of a copy asked for before they are written to. */
static void copy_atomically(void)
{
	char *small = kmalloc(MIB, GFP_KERNEL), *behind = kmalloc(MIB, GFP_KERNEL), *larger;
	char *area = vmalloc(5 * MIB);

	fill(small, MIB);
	kfree(kmalloc(20 * MIB, GFP_KERNEL));
	forbid_memory_calls();
	/* of an area the old place would have to be unmapped */
	CHILD_EXPECT(!krealloc(area, 80 * MIB, GFP_NOWAIT));
	larger = krealloc(small, 3 * MIB, GFP_NOWAIT);
	CHILD_EXPECT(area && larger && larger != small && behind);
	/* the old place may be due to be given back by now, and stays until a visit that may */
	usleep(5000);
	larger = krealloc(larger, 4 * MIB, GFP_NOWAIT);
	CHILD_EXPECT(larger);
	CHILD_EXPECT(is_filled(larger, MIB));
}

/* Pages are not given back, neither an area's nor a block's, be it for a smaller place. */
static void shrink_atomically(void)
{
	static const size_t sizes_of_pages[] = { 100 * MIB, 10 * MIB, 100000 };
	char *objects[3];
	size_t i;

	for (i = 0; i < 3; i++)
		objects[i] = kmalloc(sizes_of_pages[i], GFP_KERNEL);
	forbid_memory_calls();
	for (i = 0; i < 3; i++) {
		fill(objects[i], 50000);
		CHILD_EXPECT(krealloc(objects[i], 90000, GFP_ATOMIC) == objects[i]);
		CHILD_EXPECT(krealloc(objects[i], 1000, GFP_NOWAIT) == objects[i]);
		CHILD_EXPECT(is_filled(objects[i], 50000) &&
			     ksize(objects[i]) >= sizes_of_pages[i]);
		CHILD_EXPECT(krealloc(objects[i], 40000, GFP_NOWAIT | __GFP_ZERO) == objects[i]);
		CHILD_EXPECT(is_filled(objects[i], 40000));
		CHILD_EXPECT(all_are(objects[i] + 40000, ksize(objects[i]) - 40000, 0));
	}
}

static volatile bool first_call_done;

/* Whoever has no state yet does not ask for one. Its end would take calls of libc's. */
static void *first_call_of_a_thread(void *arg)
{
	forbid_memory_calls();
	CHILD_EXPECT(kmalloc(64, GFP_ATOMIC));
	CHILD_EXPECT(kmalloc(10000, GFP_ATOMIC | __GFP_ZERO));
	first_call_done = true;
	pause();
	return arg;
}

static void take_atomic_in_a_new_thread(void)
{
	pthread_t thread;

	kfree(kmalloc(10 * MIB, GFP_KERNEL));
	CHILD_EXPECT(pthread_create(&thread, NULL, first_call_of_a_thread, NULL) == 0);
	while (!first_call_done)
		usleep(1000);
}

static void atomic_never_enters_the_os(void **state)
{
	(void)state;
	/* valgrind makes such calls of its own. */
	if (!RUNNING_ON_VALGRIND) {
		passes_in_child(take_all_atomic);
		passes_in_child(take_all_nowait);
		passes_in_child(grow_atomically);
		passes_in_child(copy_atomically);
		passes_in_child(shrink_atomically);
		passes_in_child(take_atomic_in_a_new_thread);
	}
}

static void fail_once(gfp_t flags)
{
	CHILD_EXPECT(!kmalloc(1UL << 62, flags));
}

static void fail_aloud(void)
{
	fail_once(GFP_KERNEL);
}

static void fail_often(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		fail_once(GFP_KERNEL);
}

static void fail_silently(void)
{
	fail_once(GFP_KERNEL | __GFP_NOWARN);
	fail_once(GFP_NOWAIT);
	CHILD_EXPECT(!malloc((size_t)hidden((void *)(1UL << 62))));
}

static void failing_is_reported_unless_nowarn(void **state)
{
	unsigned int lines = 0;
	char text[4000], *p;

	(void)state;
	assert_int_equal(child_says(fail_aloud, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "kmem: allocation failure: 4611686018427387904 bytes"));
	assert_int_equal(child_says(fail_silently, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(child_says(fail_often, text, sizeof(text)), 0);
	for (p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_in_range(lines, 1, 10);
}

static volatile bool wants_memory;

static void *free_when_wanted(void *block)
{
	while (!wants_memory)
		usleep(1000);
	usleep(50000);
	kfree(block);
	return NULL;
}

static void wait_for_memory(void)
{
	void *block = kmalloc(40 * MIB, GFP_KERNEL);
	pthread_t thread;

	CHILD_EXPECT(block && pthread_create(&thread, NULL, free_when_wanted, block) == 0);
	limit_memory(0);
	while (kmalloc(30 * MIB, GFP_KERNEL | __GFP_NOWARN))
		;
	wants_memory = true;
	CHILD_EXPECT(kmalloc(30 * MIB, GFP_KERNEL | __GFP_NOFAIL));
	pthread_join(thread, NULL);
}

static void nofail_waits_for_memory(void **state)
{
	(void)state;
	passes_without_memory(wait_for_memory);
}

/*
 * It waits for what can come, and not for what is larger than any process, or than what it asks of.
 */
static void nofail_does_not_wait_for_the_impossible(void **state)
{
	const gfp_t nofail = GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN;
	void *object;

	(void)state;
	assert_null(kmalloc(1UL << 62, nofail));
	assert_null(kmalloc(1UL << 48, nofail));
	assert_null(kvmalloc(1UL << 62, nofail));
	assert_null(kmalloc(128 * MIB, nofail | GFP_DMA32));
	assert_null(kmalloc(128 * MIB, nofail | __GFP_THISNODE));
	/* what kvmalloc has lies anywhere */
	object = kvmalloc(128 * MIB, nofail | __GFP_THISNODE);
	assert_non_null(object);
	kvfree(object);
}

static void what_grows_stays_below_4_gib(void **state)
{
	const gfp_t low = GFP_KERNEL | GFP_DMA32;
	static const size_t to[] = { 20000, MIB, 10 * MIB, 60 * MIB };
	char *object = kmalloc(5000, low);
	size_t i;

	(void)state;
	fill(object, 5000);
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		object = krealloc(object, to[i], low);
		assert_true(object && (uintptr_t)object + to[i] <= 1UL << 32);
		assert_true(is_filled(object, 5000));
	}
	assert_null(krealloc(object, 80 * MIB, low | __GFP_NOWARN));
	kfree(object);
	/* what lies high comes down */
	object = krealloc(kmalloc(5 * MIB, GFP_KERNEL), 6 * MIB, low);
	assert_true(object && (uintptr_t)object < 1UL << 32);
	kfree(object);
}

static void dma32_is_below_4_gib(void **state)
{
	static const gfp_t flags[] = { GFP_KERNEL | GFP_DMA32, GFP_KERNEL | GFP_DMA,
				       GFP_KERNEL | __GFP_DMA32 | __GFP_ZERO };
	size_t i, f;

	(void)state;
	for (f = 0; f < sizeof(flags) / sizeof(flags[0]); f++)
		for (i = 0; sizes[i] <= MIB; i++) {
			char *object = kmalloc(sizes[i], flags[f]);

			assert_non_null(object);
			assert_true((uintptr_t)object + ksize(object) <= 1UL << 32);
			assert_true(ksize(object) >= sizes[i]);
			if (flags[f] & __GFP_ZERO)
				assert_true(all_are(object, ksize(object), 0));
			memset(object, 0x5a, sizes[i]);
			kfree(object);
		}
}

/* What steers what a process has not got changes nothing. */
static void other_flags_are_accepted(void **state)
{
	static const gfp_t flags[] = {
		GFP_NOIO,
		GFP_NOFS,
		GFP_USER,
		GFP_HIGHUSER,
		GFP_KERNEL_ACCOUNT,
		GFP_KERNEL | __GFP_HIGH | __GFP_MOVABLE | __GFP_RECLAIMABLE | __GFP_COMP,
		GFP_KERNEL | __GFP_RETRY_MAYFAIL,
		GFP_KERNEL | __GFP_NORETRY,
		GFP_KERNEL | __GFP_THISNODE,
	};
	size_t f;

	(void)state;
	for (f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
		void *small = kmalloc(100, flags[f]), *large = kmalloc(100000, flags[f]);

		assert_true(small && large);
		kfree(small);
		kfree(large);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(atomic_never_enters_the_os),
		cmocka_unit_test(failing_is_reported_unless_nowarn),
		cmocka_unit_test(nofail_waits_for_memory),
		cmocka_unit_test(nofail_does_not_wait_for_the_impossible),
		cmocka_unit_test(what_grows_stays_below_4_gib),
		cmocka_unit_test(dma32_is_below_4_gib),
		cmocka_unit_test(other_flags_are_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
