/* SPDX-License-Identifier: MIT */
/*
 * task_structs - a cache of task structures through a life of forks and exits.
 *
 * The kernel's example of an object cache: processes come and go all the time, each needs a
 * structure, and half of making one is the same each time. So the cache constructs an object once,
 * when its slab is young, and whoever frees it hands it back constructed: list heads empty, lock
 * open. The next fork fills in only what is new.
 *
 *                ctor           fork              exit           fork
 *      fresh ---------> free  --------> running --------> free --------> running ...
 *                       constructed: the same state each time it is free
 *
 * A slab is on one of three lists, by the number of its objects in use:
 *
 *      full     | T | T | T | T |        nothing to take here
 *      partial  | T |   | T |   |        the next object comes from here
 *      empty    |   |   |   |   |        can go back to the buddy
 */
#include <kmem/slabinfo.h>
#include "lecture.h"

struct list_head {
	struct list_head *next, *prev;
};

struct task_struct {
	int lock;		   /* 0: open.      constructed */
	struct list_head children; /* empty.        constructed */
	unsigned long births; /* forks so far: kept from life to life, since nobody clears it */
	int pid;	      /* each life's own */
	char comm[16];
	char kernel_stack[1000];
};

static kmem_cache_t *task_cache;
static int constructed;
static int last_pid;

/* As Linux 2.6 had it; today's gets the object alone. */
static void task_ctor(void *object, kmem_cache_t *cache, unsigned long flags)
{
	struct task_struct *task = object;

	MUST(cache == task_cache || !task_cache);
	MUST(flags & SLAB_CTOR_CONSTRUCTOR);
	task->lock = 0;
	task->children.next = task->children.prev = &task->children;
	task->births = 0;
	constructed++;
}

static bool is_constructed(const struct task_struct *task)
{
	return !task->lock && task->children.next == &task->children;
}

static struct task_struct *do_fork(const char *comm)
{
	struct task_struct *task = kmem_cache_alloc(task_cache, GFP_KERNEL);

	MUST(task != NULL);
	MUST(is_constructed(task));
	task->births++;
	task->pid = ++last_pid;
	snprintf(task->comm, sizeof(task->comm), "%s", comm);
	task->lock = 1; /* in use: the fields are not what the constructor left */
	return task;
}

static void do_exit(struct task_struct *task)
{
	task->lock = 0; /* back to what the constructor made of it */
	kmem_cache_free(task_cache, task);
}

static struct slabinfo show(const char *when)
{
	struct slabinfo info;

	get_slabinfo(task_cache, &info);
	printf("  %-28s %3lu of %3lu objects; slabs: %lu full, %lu partial, %lu empty\n", when,
	       info.active_objs, info.num_objs, info.full_slabs, info.partial_slabs,
	       info.empty_slabs);
	return info;
}

static void lives(void)
{
	struct task_struct *task = do_fork("init"), *again;
	int before = constructed;

	printf("fork: pid %d \"%s\" at %p, %d object(s) constructed\n", task->pid, task->comm,
	       (void *)task, constructed);
	do_exit(task);
	again = do_fork("sh");
	printf("exit, fork: pid %d \"%s\" at %p\n", again->pid, again->comm, (void *)again);
	CLAIM(again == task, "what was freed last serves first: it is warm in the cache");
	CLAIM(constructed == before, "its constructor did not run again");
	CLAIM(again->births == 2, "nobody has cleared it: this is its life number %lu",
	      again->births);
	do_exit(again);
}

static int by_address(const void *a, const void *b)
{
	return *(char *const *)a < *(char *const *)b ? -1 : 1;
}

static void lists(void)
{
	struct task_struct *tasks[64];
	struct slabinfo info = show("before");
	unsigned int per_slab = info.objects_per_slab, n = 3 * per_slab;

	MUST(n <= 64);
	for (unsigned int i = 0; i < n; i++)
		tasks[i] = do_fork("worker");
	info = show("three slabs' worth of forks");
	CLAIM(info.active_objs == n && info.full_slabs == 3, "three slabs, all full");
	qsort(tasks, n, sizeof(tasks[0]), by_address); /* objects of one slab lie together */
	do_exit(tasks[0]);
	info = show("one exit");
	CLAIM(info.full_slabs == 2 && info.partial_slabs == 1, "its slab is partial now");
	for (unsigned int i = 1; i < per_slab; i++)
		do_exit(tasks[i]);
	info = show("all exits of that slab");
	CLAIM(info.full_slabs == 2 && info.partial_slabs == 0,
	      "it is no longer partial, but empty");
	kmem_cache_shrink(task_cache);
	info = show("kmem_cache_shrink");
	CLAIM(info.num_slabs == 2 && info.empty_slabs == 0, "its pages are back with the buddy");
	CLAIM(kmem_cache_destroy(task_cache) != 0, "a cache with objects in use is not destroyed");
	for (unsigned int i = per_slab; i < n; i++)
		do_exit(tasks[i]);
}

int main(void)
{
	lecture("Task structures: an object cache through forks and exits");
	/* With this flag objects go to their slabs at once, past the sheaves: see them move. */
	task_cache = kmem_cache_create("task_struct", sizeof(struct task_struct), 0,
				       SLAB_CONSISTENCY_CHECKS | SLAB_PANIC, task_ctor, NULL);
	lives();
	lists();
	CLAIM(kmem_cache_destroy(task_cache) == 0, "an empty cache is");
	return 0;
}
