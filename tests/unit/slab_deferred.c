/* SPDX-License-Identifier: MIT */
/*
 * Frees that have to wait, and threads that get no state for a free.
 *
 * A handler that comes within a slow path is played by calling what it would call while the thread
 * is busy, or from the hook of a system call that the thread makes when its state is made.
 */
#include <errno.h>
#include <stdlib.h>

#include "unit_slab.h"

static void *left_over;
static bool birth_refused;

/* A handler that comes while its thread's state is being made, and then perhaps a refusal. */
static int interrupt_birth(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	unit_os_hook = unit_refuse;
	EXPECT_EQ(this_cpu->kind, CPU_BOOT_AWAY);
	EXPECT(kmalloc_slow(50) == NULL);
	EXPECT(kmalloc_slow(50000) == NULL);
	EXPECT(!kmem_trim());
	kfree_slow(left_over);
	EXPECT_EQ(this_cpu->kind, CPU_BOOT_AWAY);
	if (!birth_refused)
		unit_os_hook = NULL;
	return birth_refused ? ENOMEM : 0;
}

/* What the handler freed goes when the call ends, be it to a state that there was none of then. */
static void be_born_interrupted(void *arg, unsigned int id)
{
	unsigned long before = inuse(100);
	void *object;

	(void)arg;
	(void)id;
	unit_os_hook = interrupt_birth;
	object = kmalloc_slow(100);
	EXPECT(unit_os_hook != interrupt_birth);
	unit_os_hook = NULL;
	EXPECT(object != NULL);
	EXPECT_EQ(stateless_deferred.nr, 0);
	if (birth_refused) {
		EXPECT_EQ(this_cpu->kind, CPU_BOOT);
		EXPECT_EQ(inuse(100), before);
	} else {
		EXPECT_EQ(this_cpu->kind, CPU_LIVE);
		EXPECT_EQ(this_cpu->deferred.nr, 0);
		EXPECT(unit_kmalloc(100) == left_over);
	}
	unit_kfree(object);
}

static void birth_is_interrupted(void *arg)
{
	struct meta_pool greedy = META_POOL_INIT("greedy", 64);

	left_over = arg;
	unit_os_hook = unit_refuse;
	while (meta_alloc(&greedy))
		;
	unit_os_hook = NULL;
	unit_threads(1, be_born_interrupted, NULL);
}

static void test_birth_is_interrupted(void **state)
{
	void *object = unit_kmalloc(100);

	(void)state;
	birth_refused = true;
	unit_passes(birth_is_interrupted, object);
	birth_refused = false;
	unit_passes(birth_is_interrupted, object);
	unit_kfree(object);
}

#define FEW_FREES 16u

static void free_some(void *arg, unsigned int id)
{
	void **objects = arg;
	unsigned int i;

	(void)id;
	for (i = 0; i < FEW_FREES; i++) {
		unit_kfree(objects[i]);
		EXPECT_EQ(this_cpu->kind, CPU_BOOT);
	}
	unit_kfree(objects[i]);
	EXPECT_EQ(this_cpu->kind, CPU_LIVE);
}

/* A thread may free a few after the handler for its end, which a state made then would outlive. */
static void test_first_frees(void **state)
{
	void *objects[FEW_FREES + 1];
	unsigned int i;

	(void)state;
	/* large blocks as well */
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = unit_kmalloc(i % 2 ? 100 : 100000);
	unit_threads(1, free_some, objects);
}

static void free_too_much(void *arg)
{
	struct kmem_cpu *cpu = cpu_enter();
	void **objects = arg;
	unsigned int i;

	for (i = 0; i < NR_DEFERRED; i++)
		kfree_slow(objects[i]);
	EXPECT_EQ(cpu->deferred.nr, NR_DEFERRED);
	kfree_slow(objects[i]);
	EXPECT_EQ(cpu->deferred.nr, NR_DEFERRED);
	cpu_leave(cpu);
	EXPECT_EQ(cpu->deferred.nr, 0);
	kmem_trim();
	EXPECT_EQ(inuse(64), 1);
	abort();
}

static void test_too_many_deferred(void **state)
{
	void *objects[NR_DEFERRED + 1];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = unit_kmalloc(64);
	unit_dies_saying(
		free_too_much, objects,
		"kmem: a signal handler frees too much during an allocation: 0x%lx is lost",
		(unsigned long)objects[NR_DEFERRED]);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		unit_kfree(objects[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_birth_is_interrupted, teardown_library),
		cmocka_unit_test_teardown(test_first_frees, teardown_library),
		cmocka_unit_test_teardown(test_too_many_deferred, teardown_library),
	};

	return cmocka_run_group_tests(tests, setup_library, NULL);
}
