/* SPDX-License-Identifier: MIT */
/*
 * Object caches as textbooks and lectures of several decades write them, compiled and run as
 * written.
 *
 * Each section is a snippet in one generation's style, apart from its includes; the test behind it
 * says what the text would say of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <kmem/slab.h>

/* ---- Linux 2.4 and early 2.6: kmem_cache_t, six arguments, int kmem_cache_destroy() ---- */

struct dentry_like {
	int count;
	struct dentry_like *next;
	unsigned long hash;
	char name[40];
};

static kmem_cache_t *dentry_like_cachep;
static int ctor_calls, dtor_calls;

static void init_once(void *foo, kmem_cache_t *cachep, unsigned long flags)
{
	struct dentry_like *d = (struct dentry_like *)foo;

	(void)cachep;
	if ((flags & (SLAB_CTOR_VERIFY | SLAB_CTOR_CONSTRUCTOR)) == SLAB_CTOR_CONSTRUCTOR) {
		memset(d, 0, sizeof(*d));
		d->hash = 0xdeadUL;
		ctor_calls++;
	}
}

static void fini_once(void *foo, kmem_cache_t *cachep, unsigned long flags)
{
	(void)foo;
	(void)cachep;
	(void)flags;
	dtor_calls++;
}

static int init_dentry_like(void)
{
	dentry_like_cachep = kmem_cache_create("dentry_like", sizeof(struct dentry_like), 0,
					       SLAB_HWCACHE_ALIGN, init_once, fini_once);
	if (dentry_like_cachep == NULL)
		return -ENOMEM;
	return 0;
}

static int exit_dentry_like(void)
{
	if (kmem_cache_destroy(dentry_like_cachep)) {
		printf("dentry_like: not all structures were freed\n");
		return -EBUSY;
	}
	return 0;
}

static void the_form_of_2_6(void **state)
{
	struct dentry_like *a, *b;

	(void)state;
	assert_int_equal(init_dentry_like(), 0);
	a = kmem_cache_alloc(dentry_like_cachep, GFP_KERNEL);
	assert_non_null(a);
	assert_true(ctor_calls >= 1);
	assert_int_equal(a->hash, 0xdead);
	assert_int_equal((uintptr_t)a % 64, 0);
	assert_int_not_equal(exit_dentry_like(), 0);
	a->count = 7;
	kmem_cache_free(dentry_like_cachep, a);
	b = kmem_cache_alloc(dentry_like_cachep, GFP_KERNEL);
	assert_ptr_equal(b, a);
	assert_int_equal(b->count, 7);
	kmem_cache_free(dentry_like_cachep, b);
	assert_int_equal(exit_dentry_like(), 0);
	assert_int_equal(dtor_calls, ctor_calls);
}

/* ---- A driver's device memory: an array of quanta from a cache ---- */

#define QUANTUM 4000
#define QSET	16

struct scull_like {
	void *data[QSET];
	size_t size;
};

static kmem_cache_t *quantum_cache;

static void scull_like_trim(struct scull_like *dev)
{
	int i;

	for (i = 0; i < QSET; i++) {
		if (dev->data[i])
			kmem_cache_free(quantum_cache, dev->data[i]);
	}
	memset(dev, 0, sizeof(*dev));
}

static long scull_like_write(struct scull_like *dev, size_t pos, const char *buf, size_t count)
{
	size_t item = pos / QUANTUM, rest = pos % QUANTUM;

	if (item >= QSET)
		return -ENOSPC;
	if (!dev->data[item]) {
		dev->data[item] = kmem_cache_alloc(quantum_cache, GFP_KERNEL);
		if (!dev->data[item])
			return -ENOMEM;
		memset(dev->data[item], 0, QUANTUM);
	}
	if (count > QUANTUM - rest)
		count = QUANTUM - rest;
	memcpy((char *)dev->data[item] + rest, buf, count);
	if (dev->size < pos + count)
		dev->size = pos + count;
	return (long)count;
}

static void a_driver_with_quanta(void **state)
{
	struct scull_like dev = { .size = 0 };
	size_t pos = 0;

	(void)state;
	quantum_cache = kmem_cache_create("quanta", QUANTUM, 0, SLAB_HWCACHE_ALIGN, NULL, NULL);
	assert_non_null(quantum_cache);
	while (pos < (size_t)QSET * QUANTUM) {
		long n = scull_like_write(&dev, pos, "0123456789", 10);

		assert_true(n > 0);
		pos += (size_t)n;
	}
	assert_int_equal(scull_like_write(&dev, pos, "x", 1), -ENOSPC);
	assert_int_equal(dev.size, QSET * QUANTUM);
	assert_memory_equal((char *)dev.data[3] + 3990, "0123456789", 10);
	scull_like_trim(&dev);
	assert_int_equal(kmem_cache_destroy(quantum_cache), 0);
}

/* ---- Linux 2.6.24 to 6: five arguments, a constructor of the object alone, KMEM_CACHE() ---- */

struct inode_like {
	struct {
		struct inode_like *next, *prev;
	} list;
	int usage;
	long private[20];
};

static struct kmem_cache *inode_like_cache;

static void inode_like_ctor(void *obj)
{
	struct inode_like *inode = obj;

	inode->list.next = inode->list.prev = inode;
	inode->usage = 0;
}

static void the_form_of_five(void **state)
{
	struct inode_like *inode[100];
	int i;

	(void)state;
	inode_like_cache = kmem_cache_create("inode_like", sizeof(struct inode_like), 0,
					     SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT | SLAB_PANIC,
					     inode_like_ctor);
	for (i = 0; i < 100; i++) {
		inode[i] = kmem_cache_alloc(inode_like_cache, GFP_KERNEL);
		assert_non_null(inode[i]);
		assert_ptr_equal(inode[i]->list.next, inode[i]);
		assert_int_equal(inode[i]->usage++, 0);
	}
	for (i = 0; i < 100; i++) {
		inode[i]->usage--;
		kmem_cache_free(inode_like_cache, inode[i]);
	}
	kmem_cache_destroy(inode_like_cache);
}

static void a_cache_named_after_its_struct(void **state)
{
	struct kmem_cache *cachep = KMEM_CACHE(inode_like, SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE);
	struct inode_like *inode = kmem_cache_zalloc(cachep, GFP_KERNEL);

	(void)state;
	assert_non_null(inode);
	assert_null(inode->list.next);
	assert_int_equal(inode->private[19], 0);
	assert_string_equal(kmem_cache_name(cachep), "inode_like");
	assert_true(kmem_cache_size(cachep) >= sizeof(struct inode_like));
	kmem_cache_free(cachep, inode);
	assert_int_equal(kmem_cache_destroy(cachep), 0);
}

/* ---- Linux 6.11 and after: struct kmem_cache_args ---- */

static void the_form_of_four(void **state)
{
	struct kmem_cache_args args = {
		.align = 32,
		.ctor = inode_like_ctor,
	};
	struct kmem_cache *s = kmem_cache_create("inode_args", sizeof(struct inode_like), &args, 0);
	struct inode_like *inode;

	(void)state;
	assert_non_null(s);
	inode = kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOWARN);
	assert_non_null(inode);
	assert_int_equal((uintptr_t)inode % 32, 0);
	assert_ptr_equal(inode->list.prev, inode);
	kmem_cache_free(s, inode);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

/* ---- The general-purpose functions ---- */

struct request {
	int nr;
	struct request *next;
};

static void a_list_of_kmalloc(void **state)
{
	struct request *head = NULL, *req;
	int i, sum = 0;
	char *name;

	(void)state;
	for (i = 1; i <= 10; i++) {
		req = kmalloc(sizeof(*req), GFP_KERNEL);
		if (!req)
			fail();
		req->nr = i;
		req->next = head;
		head = req;
	}
	while (head) {
		req = head;
		head = head->next;
		sum += req->nr;
		kfree(req);
	}
	assert_int_equal(sum, 55);
	name = kasprintf(GFP_KERNEL, "eth%d", 0);
	assert_string_equal(name, "eth0");
	kfree(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_form_of_2_6),
		cmocka_unit_test(a_driver_with_quanta),
		cmocka_unit_test(the_form_of_five),
		cmocka_unit_test(a_cache_named_after_its_struct),
		cmocka_unit_test(the_form_of_four),
		cmocka_unit_test(a_list_of_kmalloc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
