/* SPDX-License-Identifier: MIT */
/* kmalloc's family: what each function promises, and that all of them are malloc's own. */
#include "api.h"

#include <kmem/slab.h>
#include <pthread.h>

/* Sizes about every boundary there is: classes, pages, sections. */
static const size_t sizes[] = {
	1,     7,	8,     15,	16,	 17,	   96,		 100,
	127,   128,	129,   1000,	1024,	 1025,	   4095,	 4096,
	4097,  8192,	10000, 32767,	32768,	 32769,	   40000,	 65536,
	65537, MIB - 1, MIB,   4 * MIB, 5 * MIB, 64 * MIB, 64 * MIB + 1, 100 * MIB
};
#define NR_LARGEST 5
/* valgrind takes its time over each byte. */
#define NR_SIZES   (sizeof(sizes) / sizeof(sizes[0]) - (RUNNING_ON_VALGRIND ? NR_LARGEST : 0))

static void fill(char *object, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		object[i] = (char)(i * 31 + 7);
}

static bool is_filled(const char *object, size_t n)
{
	size_t i;

	for (i = 0; i < n && object[i] == (char)(i * 31 + 7); i++)
		;
	return i == n;
}

/* ---- Sizes and alignment ---- */

static void zero_size_has_an_address_of_its_own(void **state)
{
	(void)state;
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kzalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc_array(0, 8, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kcalloc(8, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc_node(0, GFP_KERNEL, 0), ZERO_SIZE_PTR);
	assert_ptr_equal(kmemdup("", 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_int_equal(ksize(ZERO_SIZE_PTR), 0);
	assert_int_equal(ksize(NULL), 0);
	assert_true(ZERO_OR_NULL_PTR(ZERO_SIZE_PTR) && ZERO_OR_NULL_PTR(NULL));
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	kfree_sensitive(ZERO_SIZE_PTR);
	kfree_sensitive(NULL);
	kvfree(ZERO_SIZE_PTR);
}

static void powers_of_two_are_naturally_aligned(void **state)
{
	size_t size;
	int i;

	(void)state;
	for (size = 16; size <= 64 * MIB; size *= 2) {
		void *objects[5];

		for (i = 0; i < 5; i++) {
			objects[i] = size < MIB || i < 2 ? kmalloc(size, GFP_KERNEL) : NULL;
			assert_int_equal((uintptr_t)objects[i] % size, 0);
			assert_true(objects[i] || i >= 2);
		}
		kfree_bulk(5, objects);
	}
}

static void an_object_is_as_large_as_was_said(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		char *object = kmalloc(sizes[i], GFP_KERNEL);

		assert_non_null(object);
		assert_int_equal((uintptr_t)object % 16, 0);
		assert_true(ksize(object) >= sizes[i]);
		assert_int_equal(ksize(object), kmalloc_size_roundup(sizes[i]));
		assert_int_equal(kmalloc_size_roundup(ksize(object)), ksize(object));
		object[0] = 1;
		object[ksize(object) - 1] = 1;
		kfree(object);
	}
	assert_int_equal(kmalloc_size_roundup(0), 0);
	assert_true(kmalloc_size_roundup(SIZE_MAX) == SIZE_MAX);
}

static void too_much_is_null(void **state)
{
	(void)state;
	errno = 0;
	assert_null(kmalloc(PTRDIFF_MAX, GFP_KERNEL | __GFP_NOWARN));
	assert_int_equal(errno, ENOMEM);
	assert_null(kmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
	/* However long it waited. */
	assert_null(kmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN));
	assert_null(vmalloc(SIZE_MAX));
}

static void arrays_that_overflow_are_null(void **state)
{
	const size_t half = SIZE_MAX / 2 + 1;
	char *object = kmalloc(10, GFP_KERNEL);

	(void)state;
	strcpy(object, "unchanged");
	errno = 0;
	assert_null(kmalloc_array(half, 2, GFP_KERNEL));
	assert_int_equal(errno, ENOMEM);
	assert_null(kcalloc(half, 2, GFP_KERNEL));
	assert_null(kcalloc(2, half, GFP_KERNEL));
	assert_null(kvmalloc_array(half, 2, GFP_KERNEL));
	assert_null(kvcalloc(half, 2, GFP_KERNEL));
	assert_null(krealloc_array(object, half, 2, GFP_KERNEL));
	assert_string_equal(object, "unchanged");
	object = krealloc_array(object, 100, 10, GFP_KERNEL);
	assert_string_equal(object, "unchanged");
	assert_true(ksize(object) >= 1000);
	kfree(object);
}

/* ---- Flags ---- */

static void zeroed_means_to_the_end_of_the_object(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		/* What is freed last comes first again, with old bytes. */
		char *object = kmalloc(sizes[i], GFP_KERNEL);

		assert_non_null(object);
		memset(object, 0xa5, ksize(object));
		kfree(object);
		object = kzalloc(sizes[i], GFP_KERNEL);
		assert_true(all_are(object, ksize(object), 0));
		memset(object, 0xa5, ksize(object));
		kfree(object);
		object = kcalloc(sizes[i], 1, GFP_KERNEL);
		assert_true(all_are(object, ksize(object), 0));
		kfree(object);
	}
}

/* Not only what the thread has in its hands, but what comes from slabs, too. */
static void zeroed_means_so_for_many(void **state)
{
	static char *objects[500];
	size_t i, j;

	(void)state;
	for (i = 0; sizes[i] <= 8192; i++) {
		for (j = 0; j < 500; j++) {
			objects[j] = kmalloc(sizes[i], GFP_KERNEL);
			memset(objects[j], 0xa5, ksize(objects[j]));
		}
		kfree_bulk(500, (void **)objects);
		for (j = 0; j < 500; j++) {
			objects[j] = kzalloc(sizes[i], GFP_KERNEL);
			assert_true(all_are(objects[j], ksize(objects[j]), 0));
		}
		kfree_bulk(500, (void **)objects);
	}
}

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

	fill(small, MIB);
	kfree(kmalloc(20 * MIB, GFP_KERNEL));
	forbid_memory_calls();
	larger = krealloc(small, 3 * MIB, GFP_NOWAIT);
	CHILD_EXPECT(larger && larger != small && behind);
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

/* It waits for what can come, and not for what is larger than any process, or than what it asks of. */
static void nofail_does_not_wait_for_the_impossible(void **state)
{
	const gfp_t nofail = GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN;

	(void)state;
	assert_null(kmalloc(1UL << 62, nofail));
	assert_null(kmalloc(1UL << 48, nofail));
	assert_null(kvmalloc(1UL << 62, nofail));
	assert_null(kmalloc(128 * MIB, nofail | GFP_DMA32));
	assert_null(kmalloc(128 * MIB, nofail | __GFP_THISNODE));
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

static void a_node_that_is_not_there_has_nothing(void **state)
{
	static const int bad[] = { -2, 15, 16, 1000000 };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		errno = 0;
		assert_null(kmalloc_node(100, GFP_KERNEL, bad[i]));
		assert_int_equal(errno, EINVAL);
	}
	for (i = 0; i < NR_SIZES; i++) {
		char *object = kmalloc_node(sizes[i], GFP_KERNEL, 0);

		assert_non_null(object);
		kfree(object);
		object = kzalloc_node(sizes[i], GFP_KERNEL, NUMA_NO_NODE);
		assert_true(all_are(object, ksize(object), 0));
		kfree(object);
	}
}

/* ---- krealloc ---- */

static void krealloc_keeps_the_contents(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < NR_SIZES; i++)
		for (j = 0; j < NR_SIZES; j++) {
			size_t least = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			char *object, *resized;

			if (sizes[i] > MIB && sizes[j] > MIB && i != j)
				continue;
			least = least < MIB ? least : MIB;
			object = kmalloc(sizes[i], GFP_KERNEL);
			fill(object, least);
			resized = krealloc(object, sizes[j], GFP_KERNEL);
			assert_non_null(resized);
			assert_true(ksize(resized) >= sizes[j]);
			assert_true(is_filled(resized, least));
			if ((sizes[j] & (sizes[j] - 1)) == 0)
				assert_int_equal((uintptr_t)resized % sizes[j], 0);
			kfree(resized);
		}
}

static void krealloc_to_nothing_frees(void **state)
{
	void *object = kmalloc(500, GFP_KERNEL);

	(void)state;
	assert_ptr_equal(krealloc(object, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc(500, GFP_KERNEL), object);
	kfree(object);
	assert_ptr_equal(krealloc(NULL, 0, GFP_KERNEL), ZERO_SIZE_PTR);
}

static void krealloc_of_nothing_allocates(void **state)
{
	char *object = krealloc(NULL, 500, GFP_KERNEL | __GFP_ZERO);

	(void)state;
	assert_true(all_are(object, 500, 0));
	kfree(object);
	object = krealloc(ZERO_SIZE_PTR, 500, GFP_KERNEL);
	assert_true(object && ksize(object) >= 500);
	kfree(object);
}

static void krealloc_zeroes_what_it_grows_by(void **state)
{
	size_t i, j;

	(void)state;
	/* down and up again, so that every growth meets old bytes */
	for (i = 0; i < NR_SIZES; i++)
		for (j = i; j < NR_SIZES && sizes[j] <= 5 * MIB; j++) {
			const gfp_t flags = GFP_KERNEL | __GFP_ZERO;
			char *object = kmalloc(sizes[j], flags);

			memset(object, 0xa5, sizes[j]);
			object = krealloc(object, sizes[i], flags);
			assert_true(all_are(object, sizes[i], 0xa5));
			object = krealloc(object, sizes[j], flags);
			assert_true(all_are(object, sizes[i], 0xa5));
			assert_true(all_are(object + sizes[i], sizes[j] - sizes[i], 0));
			kfree(object);
		}
}

static void krealloc_refused_leaves_all_as_it_was(void **state)
{
	static const size_t from[] = { 100, 100000, 10 * MIB };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		char *object = kmalloc(from[i], GFP_KERNEL);

		fill(object, from[i]);
		assert_null(krealloc(object, 1UL << 62, GFP_KERNEL | __GFP_NOWARN));
		assert_null(krealloc(object, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
		assert_true(is_filled(object, from[i]));
		kfree(object);
	}
}

static void shrink_without_memory(void)
{
	char *object = kmalloc(16000, GFP_KERNEL), *same;

	fill(object, 100);
	limit_memory(0);
	while (kmalloc(100, GFP_KERNEL | __GFP_NOWARN))
		;
	same = krealloc(object, 100, GFP_KERNEL);
	CHILD_EXPECT(same && is_filled(same, 100));
}

static void shrinking_is_never_refused(void **state)
{
	(void)state;
	passes_without_memory(shrink_without_memory);
}

/* ---- Freeing ---- */

static void objects_of_malloc_and_kmalloc_are_the_same(void **state)
{
	void *object = kmalloc(500, GFP_KERNEL | __GFP_ZERO), *aligned;

	(void)state;
	assert_non_null(object);
	assert_true(all_are(object, 500, 0));
	free(object);
	assert_ptr_equal(malloc(500), object);
	kfree(object);
	object = realloc(hidden(kmalloc(100, GFP_KERNEL)), 200);
	object = krealloc(object, 300, GFP_KERNEL);
	free(object);
	assert_int_equal(posix_memalign(&aligned, 4096, 100), 0);
	kfree(aligned);
	kfree(malloc(100 * MIB));
	kfree(vmalloc(100));
	free(vmalloc(100));
}

static void errno_survives_kfree(void **state)
{
	void *objects[] = { kmalloc(10, GFP_KERNEL), kmalloc(MIB, GFP_KERNEL),
			    kmalloc(100 * MIB, GFP_KERNEL) };

	(void)state;
	errno = 77;
	kfree_bulk(3, objects);
	assert_int_equal(errno, 77);
}

/* The objects lie where they were, until somebody else gets them: they can be looked at. */
static void sensitive_objects_are_zeroed(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; sizes[i] <= 32 * KIB; i++) {
		char *object = kmalloc(sizes[i], GFP_KERNEL);
		size_t size = ksize(object);

		memset(object, 0xa5, size);
		kfree_sensitive(object);
		assert_true(all_are(hidden(object), size, 0));
	}
	kfree_sensitive(kmalloc(10 * MIB, GFP_KERNEL));
}

static void bulk_takes_objects_of_any_size(void **state)
{
	void *objects[sizeof(sizes) / sizeof(sizes[0]) + 3];
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++)
		objects[i] = kmalloc(sizes[i], GFP_KERNEL);
	objects[NR_SIZES] = NULL;
	objects[NR_SIZES + 1] = ZERO_SIZE_PTR;
	objects[NR_SIZES + 2] = malloc(10);
	kfree_bulk(NR_SIZES + 3, objects);
	kfree_bulk(0, NULL);
}

static void free_in_the_middle(void)
{
	char *object = kmalloc(100000, GFP_KERNEL);

	kfree(object + 16);
}

static void measure_what_is_free(void)
{
	char *object = kmalloc(100000, GFP_KERNEL);

	kfree(object);
	ksize(hidden(object));
}

static void misuse_is_reported(void **state)
{
	(void)state;
	dies_in_child(free_in_the_middle, "invalid free (not the start of an object)");
	dies_in_child(measure_what_is_free, "double free");
}

/* ---- Strings ---- */

static void copies_are_copies(void **state)
{
	char with_nul[] = "ab\0cd", *copy;

	(void)state;
	copy = kstrdup("words", GFP_KERNEL);
	assert_string_equal(copy, "words");
	kfree(copy);
	copy = kstrdup("", GFP_KERNEL);
	assert_string_equal(copy, "");
	kfree(copy);
	assert_null(kstrdup(NULL, GFP_KERNEL));
	copy = kstrndup("words", 3, GFP_KERNEL);
	assert_string_equal(copy, "wor");
	kfree(copy);
	copy = kstrndup("words", 30, GFP_KERNEL);
	assert_string_equal(copy, "words");
	kfree(copy);
	assert_null(kstrndup(NULL, 3, GFP_KERNEL));
	copy = kmemdup(with_nul, sizeof(with_nul), GFP_KERNEL);
	assert_memory_equal(copy, with_nul, sizeof(with_nul));
	kfree(copy);
	copy = kmemdup_nul(with_nul, 5, GFP_KERNEL);
	assert_memory_equal(copy, with_nul, 6);
	kfree(copy);
	assert_null(kmemdup_nul(NULL, 5, GFP_KERNEL));
	assert_null(kmemdup(with_nul, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
}

static char *by_list(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = kvasprintf(GFP_KERNEL, fmt, ap);
	va_end(ap);
	return text;
}

static void formats_are_printfs(void **state)
{
	char *text = kasprintf(GFP_KERNEL, "%s-%04d", "cache", 42);

	(void)state;
	assert_string_equal(text, "cache-0042");
	kfree(text);
	text = by_list("%100000d", 7);
	assert_int_equal(strlen(text), 100000);
	assert_string_equal(text + 99998, " 7");
	kfree(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_size_has_an_address_of_its_own),
		cmocka_unit_test(powers_of_two_are_naturally_aligned),
		cmocka_unit_test(an_object_is_as_large_as_was_said),
		cmocka_unit_test(too_much_is_null),
		cmocka_unit_test(arrays_that_overflow_are_null),
		cmocka_unit_test(zeroed_means_to_the_end_of_the_object),
		cmocka_unit_test(zeroed_means_so_for_many),
		cmocka_unit_test(atomic_never_enters_the_os),
		cmocka_unit_test(failing_is_reported_unless_nowarn),
		cmocka_unit_test(nofail_waits_for_memory),
		cmocka_unit_test(nofail_does_not_wait_for_the_impossible),
		cmocka_unit_test(what_grows_stays_below_4_gib),
		cmocka_unit_test(dma32_is_below_4_gib),
		cmocka_unit_test(other_flags_are_accepted),
		cmocka_unit_test(a_node_that_is_not_there_has_nothing),
		cmocka_unit_test(krealloc_keeps_the_contents),
		cmocka_unit_test(krealloc_to_nothing_frees),
		cmocka_unit_test(krealloc_of_nothing_allocates),
		cmocka_unit_test(krealloc_zeroes_what_it_grows_by),
		cmocka_unit_test(krealloc_refused_leaves_all_as_it_was),
		cmocka_unit_test(shrinking_is_never_refused),
		cmocka_unit_test(objects_of_malloc_and_kmalloc_are_the_same),
		cmocka_unit_test(errno_survives_kfree),
		cmocka_unit_test(sensitive_objects_are_zeroed),
		cmocka_unit_test(bulk_takes_objects_of_any_size),
		cmocka_unit_test(misuse_is_reported),
		cmocka_unit_test(copies_are_copies),
		cmocka_unit_test(formats_are_printfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
