/* SPDX-License-Identifier: MIT */
/* See cpu.h. A thread's state is made at its first slow path and ends with its exit handler. */
#include "cpu.h"

#include <pthread.h>
#include <string.h>

#include "init.h"
#include "kmalloc.h"
#include "report.h"

struct lock cpus_lock = LOCK_INIT(RANK_CPUS);

/* All under cpus_lock. Orphans are the states of threads that a fork left behind. */
static struct list_head cpus = LIST_HEAD_INIT(cpus);
static struct list_head orphans = LIST_HEAD_INIT(orphans);
static unsigned long nr_cpus, nr_orphans;

const struct list_head *const cpu_lists[] = { &cpus, &orphans };

static struct meta_pool cpu_pool = META_POOL_INIT("kmem_cpu", sizeof(struct kmem_cpu));

static pthread_key_t exit_key;
static bool have_exit_key;

#define NO_SLOTS                                                                   \
	{                                                                          \
		[0 ... NR_KMALLOC_CLASSES - 1] = {.top = NO_ROOM, .end = NO_ROOM } \
	}

#define CONSTANT_CPU(k) [k] = { .kind = (k), .slot = NO_SLOTS }

static const struct kmem_cpu constant_cpus[] = {
	CONSTANT_CPU(CPU_BOOT),
	CONSTANT_CPU(CPU_BOOT_AWAY),
	CONSTANT_CPU(CPU_EXITED),
	CONSTANT_CPU(CPU_EXITED_AWAY),
};

__thread struct kmem_cpu *this_cpu = (struct kmem_cpu *)&constant_cpus[CPU_BOOT];

static void become(enum cpu_kind kind)
{
	this_cpu = (struct kmem_cpu *)&constant_cpus[kind];
	barrier();
}

/* ---- Birth and death ---- */

static void flush_slots(struct kmem_cpu *cpu)
{
	unsigned int i;

	for (i = 1; i < NR_KMALLOC_CLASSES; i++)
		sheaf_flush_slot(cpu, kmem_caches[i]);
}

/* The thread's exit handler. Whatever it allocates or frees afterwards takes the slow path. */
static void cpu_exit(void *arg)
{
	struct kmem_cpu *cpu = this_cpu;

	/* Where two libcs share a process (LD_AUDIT), their keys may share a place. */
	if (cpu != arg)
		return;
	/* For the child of a fork in another thread: this state is being taken apart. */
	cpu->busy = true;
	barrier();
	become(CPU_EXITED_AWAY);
	flush_slots(cpu);
	pcp_drain(&cpu->pcp);
	lock_acquire(&cpus_lock);
	list_del(&cpu->list);
	WRITE_ONCE(nr_cpus, nr_cpus - 1);
	lock_release(&cpus_lock);
	meta_free(&cpu_pool, cpu);
	become(CPU_EXITED);
}

void cpu_init(void)
{
	have_exit_key = pthread_key_create(&exit_key, cpu_exit) == 0;
}

static struct kmem_cpu *new_cpu(void)
{
	struct kmem_cpu *cpu = meta_alloc(&cpu_pool);
	unsigned int i;

	if (!cpu)
		return NULL;
	cpu->kind = CPU_LIVE;
	cpu->busy = true;
	cpu->nr_deferred = 0;
	cpu->pcp = (struct per_cpu_pages){ 0 };
	for (i = 0; i < NR_KMALLOC_CLASSES; i++)
		slot_init(&cpu->slot[i]);
	lock_acquire(&cpus_lock);
	list_add_tail(&cpu->list, &cpus);
	WRITE_ONCE(nr_cpus, nr_cpus + 1);
	lock_release(&cpus_lock);
	return cpu;
}

/*
 * Gives the thread a state. Without an exit handler it would be lost with the thread, so then there
 * is none. Registering the handler may allocate: the state is in place by then.
 */
static struct kmem_cpu *bind_cpu(void)
{
	struct kmem_cpu *cpu;

	become(CPU_BOOT_AWAY);
	kmem_init();
	cpu = have_exit_key ? new_cpu() : NULL;
	if (!cpu)
		return this_cpu;
	this_cpu = cpu;
	barrier();
	cpu->busy = false;
	if (pthread_setspecific(exit_key, cpu) != 0) {
		cpu_exit(cpu);
		become(CPU_BOOT_AWAY);
	}
	return this_cpu;
}

/* ---- In and out of the slow paths ---- */

struct kmem_cpu *cpu_enter(void)
{
	struct kmem_cpu *cpu = this_cpu;

	if (unlikely(cpu->kind != CPU_LIVE)) {
		if (cpu->kind == CPU_EXITED)
			become(CPU_EXITED_AWAY);
		else if (cpu->kind == CPU_BOOT)
			cpu = bind_cpu();
		else
			return NULL;
		if (cpu->kind != CPU_LIVE)
			return this_cpu;
	}
	if (unlikely(cpu->busy))
		return NULL;
	cpu->busy = true;
	barrier();
	return cpu;
}

struct kmem_cpu *cpu_enter_atomic(void)
{
	if (likely(this_cpu->kind != CPU_BOOT))
		return cpu_enter();
	become(CPU_BOOT_AWAY);
	kmem_init();
	return this_cpu;
}

/*
 * Takes the last deferred object; NULL when there is none. While the thread is busy a handler only
 * adds to them, so that an exchange that succeeds took what was read.
 */
static void *take_deferred(struct kmem_cpu *cpu)
{
	uint16_t nr = READ_ONCE(cpu->nr_deferred);
	void *object;

	do {
		if (!nr)
			return NULL;
		object = cpu->deferred[nr - 1];
	} while (!__atomic_compare_exchange_n(&cpu->nr_deferred, &nr, nr - 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return object;
}

/* What a signal handler freed meanwhile is freed now; it may bring more. */
static void free_deferred(struct kmem_cpu *cpu)
{
	void *object;

	do {
		cpu->busy = true;
		barrier();
		object = take_deferred(cpu);
		barrier();
		cpu->busy = false;
		barrier();
		if (object)
			kfree_slow(object);
	} while (object);
}

void cpu_leave(struct kmem_cpu *cpu)
{
	barrier();
	if (unlikely(cpu->kind != CPU_LIVE)) {
		become(cpu->kind == CPU_EXITED_AWAY ? CPU_EXITED : CPU_BOOT);
		return;
	}
	cpu->busy = false;
	barrier();
	if (unlikely(cpu->nr_deferred))
		free_deferred(cpu);
}

void cpu_defer_free(void *object)
{
	struct kmem_cpu *cpu = this_cpu;

	if (cpu->kind == CPU_LIVE && cpu->nr_deferred < NR_DEFERRED)
		cpu->deferred[cpu->nr_deferred++] = object;
	else
		kmem_report("a signal handler frees too much during an allocation: 0x%lx is lost",
			    (unsigned long)object);
}

void cpu_drain(struct kmem_cpu *cpu)
{
	flush_slots(cpu);
	pcp_drain(&cpu->pcp);
}

/* ---- All threads ---- */

unsigned long cpus_objects(unsigned int index)
{
	struct kmem_cpu *cpu;
	unsigned long nr = 0;

	lock_acquire(&cpus_lock);
	list_for_each_entry(cpu, &cpus, list)
		nr += slot_objects(&cpu->slot[index]);
	list_for_each_entry(cpu, &orphans, list)
		nr += slot_objects(&cpu->slot[index]);
	lock_release(&cpus_lock);
	return nr;
}

unsigned long cpus_pages(void)
{
	struct kmem_cpu *cpu;
	unsigned long nr = 0;

	lock_acquire(&cpus_lock);
	list_for_each_entry(cpu, &cpus, list)
		nr += pcp_pages(&cpu->pcp);
	list_for_each_entry(cpu, &orphans, list)
		nr += pcp_pages(&cpu->pcp);
	lock_release(&cpus_lock);
	return nr;
}

unsigned long cpus_count(void)
{
	return READ_ONCE(nr_cpus);
}

/*
 * The other threads are gone. Their states are only set apart here, since most children exec at once;
 * cpu_reclaim_orphan() empties them when memory is wanted.
 */
void cpus_fork_child(void)
{
	struct kmem_cpu *mine = this_cpu;

	/* Forked by a handler that interrupted a change of these lists: it goes on when that returns. */
	if (cpus_lock.depth)
		return;
	if (mine->kind == CPU_LIVE)
		list_del(&mine->list);
	list_splice_init(&cpus, &orphans);
	nr_orphans += nr_cpus;
	nr_cpus = 0;
	if (mine->kind == CPU_LIVE) {
		list_add(&mine->list, &cpus);
		nr_cpus = 1;
		nr_orphans--;
	}
}

bool cpu_reclaim_orphan(void)
{
	struct kmem_cpu *orphan = NULL;

	if (likely(!READ_ONCE(nr_orphans)))
		return false;
	lock_acquire(&cpus_lock);
	if (!list_empty(&orphans)) {
		orphan = list_first_entry(&orphans, struct kmem_cpu, list);
		list_del(&orphan->list);
		WRITE_ONCE(nr_orphans, nr_orphans - 1);
	}
	lock_release(&cpus_lock);
	if (!orphan)
		return false;
	/* Caught in a slow path, its slots may be half changed: they stay as they are. */
	if (orphan->busy)
		return true;
	flush_slots(orphan);
	pcp_drain(&orphan->pcp);
	meta_free(&cpu_pool, orphan);
	return true;
}

bool cpu_is_valid(const struct kmem_cpu *cpu)
{
	unsigned int i;

	for (i = 1; i < NR_KMALLOC_CLASSES; i++)
		KMEM_ASSERT(slot_is_valid(kmem_caches[i], &cpu->slot[i]));
	return pcp_is_valid(&cpu->pcp);
}
