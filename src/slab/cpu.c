/* SPDX-License-Identifier: MIT */
/* See cpu.h. A thread's state is made at its first slow path and ends with its exit handler. */
#include "cpu.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "cache.h"
#include "emptied.h"
#include "init.h"
#include "kmalloc.h"
#include "lent.h"
#include "limit.h"
#include "release.h"
#include "report.h"

struct lock cpus_lock = LOCK_INIT(RANK_CPUS);

#define FREES_STATELESS 16u /* of a thread without a state, until it gets one */

#define MAX_RESTING	8u	     /* states that wait for another thread, */
#define RESTING_A_CPU	2u	     /* or fewer, with few CPUs to run such threads, */
#define RESTING_BYTES	(32UL << 20) /* or fewer: one for so much memory that the process may use */

/* All under cpus_lock. Orphans are the states of threads that a fork left behind. */
static struct list_head cpus = LIST_HEAD_INIT(cpus);
static struct list_head orphans = LIST_HEAD_INIT(orphans);
static struct list_head resting = LIST_HEAD_INIT(resting); /* the last to come is the first */
static unsigned long nr_cpus, nr_orphans, nr_resting;
static __thread struct kmem_cpu *ending; /* the thread's own, until it is on no list */

const struct list_head *const cpu_lists[] = {
	[CPUS_RUNNING] = &cpus,
	[CPUS_ORPHANS] = &orphans,
	[CPUS_RESTING] = &resting,
};

static struct meta_pool cpu_pool = META_POOL_INIT("kmem_cpu", sizeof(struct kmem_cpu));
static struct meta_pool chunk_pool =
	META_POOL_INIT("cpu_slots", CHUNK_SLOTS * sizeof(struct cpu_slot));

/* How many slots a state must have in order, and how many chunks may be in use; cpus_lock. */
static unsigned int nr_slots = NR_KMALLOC_CLASSES;
static unsigned int nr_chunks;

bool cpu_extras_used;

static pthread_key_t exit_key;
static bool have_exit_key;

#define NO_SLOTS                                                                   \
	{                                                                          \
		[0 ... NR_KMALLOC_CLASSES - 1] = {.top = NO_ROOM, .end = NO_ROOM } \
	}

/* Each begins with a page, which is all of it that is written to as a rule. */
struct constant {
	struct kmem_cpu cpu;
} __aligned(PAGE_SIZE);

/*
 * The one that a thread begins with is the linker's work. The others are made by their first use:
 * most programs need one of them, and what is in the library's file costs each process memory.
 */
static struct constant boot = { .cpu = { .kind = CPU_BOOT, .slot = NO_SLOTS } };
static struct constant later[CPU_EXITED_AWAY - CPU_BOOT];

__thread struct kmem_cpu *this_cpu = &boot.cpu;

/*
 * Two threads may do it at once: they write the same. Whoever makes more slots meanwhile gives them
 * to all constants, made or not.
 */
static void make_constant(struct kmem_cpu *cpu, enum cpu_kind kind)
{
	unsigned int i, end = READ_ONCE(nr_slots);

	for (i = 0; i < end; i++) {
		WRITE_ONCE(cpu->slot[i].top, NO_ROOM);
		WRITE_ONCE(cpu->slot[i].end, NO_ROOM);
	}
	smp_store_release(&cpu->kind, kind);
}

static struct kmem_cpu *constant(enum cpu_kind kind)
{
	return kind == CPU_BOOT ? &boot.cpu : &later[kind - CPU_BOOT_AWAY].cpu;
}

/* The same, ready to be used. */
static struct kmem_cpu *ready_constant(enum cpu_kind kind)
{
	struct kmem_cpu *cpu = constant(kind);

	if (unlikely(smp_load_acquire(&cpu->kind) != kind))
		make_constant(cpu, kind);
	return cpu;
}

static void become(enum cpu_kind kind)
{
	this_cpu = ready_constant(kind);
	barrier();
}

/* ---- Slots ---- */

/* slot_flush() or slot_hollow() */
typedef void slot_emptier(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp);

/* With cpus_lock held. */
static void empty_chunk(struct kmem_cpu *cpu, unsigned int nr, slot_emptier *empty)
{
	struct cpu_slot *chunk = cpu->chunk[nr];
	unsigned int i;

	for (i = 0; chunk && i < CHUNK_SLOTS; i++)
		if (chunk[i].main)
			empty(&chunk[i], far_cache(nr * CHUNK_SLOTS + i), cpu->pcp);
}

/* The slots of kmalloc's caches, which nobody else touches: with no lock held. */
static void empty_kmalloc_slots(struct kmem_cpu *cpu, slot_emptier *empty)
{
	unsigned int i;

	for (i = 1; i < NR_KMALLOC_CLASSES; i++)
		empty(&cpu->slot[i], kmem_caches[i], cpu->pcp);
}

/* Those of the others, which whoever destroys a cache may look for. */
static void empty_extra_slots(struct kmem_cpu *cpu, slot_emptier *empty)
{
	unsigned int i;

	if (!READ_ONCE(cpu_extras_used))
		return;
	lock_acquire(&cpus_lock);
	for (i = NR_KMALLOC_CLASSES; i < nr_slots; i++)
		if (cpu->slot[i].main)
			empty(&cpu->slot[i], kmem_caches[i], cpu->pcp);
	for (i = 0; i < nr_chunks; i++)
		empty_chunk(cpu, i, empty);
	lock_release(&cpus_lock);
}

/* What a state that is given up leaves as a new one expects it. */
static void clear_extras(struct kmem_cpu *cpu)
{
	unsigned int i;

	if (!READ_ONCE(cpu_extras_used))
		return;
	for (i = 0; i < nr_chunks; i++) {
		if (cpu->chunk[i])
			meta_free(&chunk_pool, cpu->chunk[i]);
		cpu->chunk[i] = NULL;
	}
	/* Looked at first: a page that was never written costs nothing. */
	if (cpu->rcu_nesting || cpu->rcu_epoch || cpu->rcu_polls) {
		cpu->rcu_epoch = 0;
		cpu->rcu_nesting = 0;
		cpu->rcu_polls = false;
	}
}

static struct cpu_slot *new_chunk(struct kmem_cpu *cpu, unsigned int nr)
{
	struct cpu_slot *chunk = meta_alloc(&chunk_pool);
	unsigned int i;

	for (i = 0; chunk && i < CHUNK_SLOTS; i++)
		slot_init(&chunk[i]);
	smp_store_release(&cpu->chunk[nr], chunk);
	return chunk;
}

struct cpu_slot *cache_slot_or_new(struct kmem_cpu *cpu, const struct kmem_cache *s, gfp_t gfp)
{
	struct cpu_slot *slot = cache_slot(cpu, s);

	if (likely(slot) || !s->far || !(gfp & __GFP_DIRECT_RECLAIM))
		return slot;
	slot = new_chunk(cpu, s->far / CHUNK_SLOTS);
	return slot ? &slot[s->far % CHUNK_SLOTS] : NULL;
}

/* The slot of a cache that ended is left as a new one's. */
static void make_slots_up_to(unsigned int end)
{
	struct kmem_cpu *cpu;
	unsigned int i, kind;

	for (i = nr_slots; i < end; i++) {
		for (kind = CPU_BOOT; kind <= CPU_EXITED_AWAY; kind++)
			slot_init(&constant(kind)->slot[i]);
		list_for_each_entry(cpu, &cpus, list)
			slot_init(&cpu->slot[i]);
		list_for_each_entry(cpu, &orphans, list)
			slot_init(&cpu->slot[i]);
	}
	WRITE_ONCE(nr_slots, end);
}

void cpus_make_slots(const struct kmem_cache *s)
{
	lock_acquire(&cpus_lock);
	WRITE_ONCE(cpu_extras_used, true);
	if (s->index != CLASS_ASK && s->index >= nr_slots)
		make_slots_up_to(s->index + 1u);
	if (s->far && s->far / CHUNK_SLOTS >= nr_chunks)
		nr_chunks = s->far / CHUNK_SLOTS + 1;
	lock_release(&cpus_lock);
}

void cpus_flush_slots(struct kmem_cpu *mine, struct kmem_cache *s)
{
	struct per_cpu_pages *pcp = cpu_pages(mine);
	struct kmem_cpu *cpu;

	lock_acquire(&cpus_lock);
	list_for_each_entry(cpu, &cpus, list)
		slot_flush(cache_slot(cpu, s), s, pcp);
	list_for_each_entry(cpu, &orphans, list)
		if (!cpu->busy)
			slot_flush(cache_slot(cpu, s), s, pcp);
	lock_release(&cpus_lock);
}

/* ---- Birth and death ---- */

void cpu_drop_kept(struct kmem_cpu *cpu)
{
	struct page *page = cpu_exchange_kept(cpu, NULL);

	if (page)
		large_drop(cpu->pcp, page);
}

/*
 * So that the next thread begins with some objects of each class that this one used, but not all.
 */
static void settle_kmalloc_slots(struct kmem_cpu *cpu)
{
	unsigned int i;

	for (i = 1; i < NR_KMALLOC_CLASSES; i++)
		slot_settle(&cpu->slot[i], kmem_caches[i], cpu->pcp);
}

static unsigned long most_resting(void)
{
	unsigned long most = min_ul(MAX_RESTING, RESTING_A_CPU * (unsigned long)limits.cpus);

	return min_ul(most, limits_share(MAX_RESTING, RESTING_BYTES));
}

/* With cpus_lock held, by the thread that ends. */
static void delist(struct kmem_cpu *cpu)
{
	list_del(&cpu->list);
	WRITE_ONCE(nr_cpus, nr_cpus - 1);
	ending = NULL;
}

/* Sets a state aside for the next thread. False when enough of them wait already. */
static bool put_to_rest(struct kmem_cpu *cpu)
{
	bool room;

	if (READ_ONCE(nr_resting) >= most_resting())
		return false;
	settle_kmalloc_slots(cpu);
	lock_acquire(&cpus_lock);
	room = nr_resting < most_resting();
	if (room) {
		clear_extras(cpu);
		delist(cpu);
		list_add(&cpu->list, &resting);
		WRITE_ONCE(nr_resting, nr_resting + 1);
	}
	lock_release(&cpus_lock);
	return room;
}

/* What no thread has any more is taken apart. */
static void end_cpu(struct kmem_cpu *cpu)
{
	empty_kmalloc_slots(cpu, slot_flush);
	clear_extras(cpu);
	meta_free(&cpu_pool, cpu);
}

/*
 * One by one: to free it is another slow path, at whose end it is the next one's turn. What a
 * handler brought just before there was no more need to wait takes one more.
 */
static void leave_stateless(enum cpu_kind kind)
{
	void *object = deferred_take(&stateless_deferred);
	struct kmem_cpu *cpu;

	become(kind);
	if (unlikely(object)) {
		kfree_slow(object);
	} else if (unlikely(READ_ONCE(stateless_deferred.nr))) {
		cpu = cpu_enter_atomic();
		if (cpu)
			cpu_leave(cpu);
	}
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
	ending = cpu;
	barrier();
	become(CPU_EXITED_AWAY);
	deferred_move(&cpu->deferred, &stateless_deferred);
	cpu_drop_kept(cpu);
	empty_extra_slots(cpu, slot_flush);
	if (!put_to_rest(cpu)) {
		empty_kmalloc_slots(cpu, slot_flush);
		lock_acquire(&cpus_lock);
		delist(cpu);
		lock_release(&cpus_lock);
		clear_extras(cpu);
		meta_free(&cpu_pool, cpu);
	}
	emptied_by_exit();
	leave_stateless(CPU_EXITED);
}

void cpu_init(void)
{
	have_exit_key = pthread_key_create(&exit_key, cpu_exit) == 0;
}

/* With cpus_lock held: the state is a thread's from now on. */
static void enlist(struct kmem_cpu *cpu)
{
	unsigned int i;

	cpu->busy = true;
	cpu->deferred.nr = 0;
	cpu->atomic = false;
	cpu->must_release = false;
	cpu->releasing = false;
	cpu->nr_visits = 0;
	cpu->may_keep.pages = 0;
	for (i = NR_KMALLOC_CLASSES; i < nr_slots; i++)
		slot_init(&cpu->slot[i]);
	list_add_tail(&cpu->list, &cpus);
	WRITE_ONCE(nr_cpus, nr_cpus + 1);
	/* Not later: a child of a fork takes a state that is no thread's for a lost one's. */
	this_cpu = cpu;
	barrier();
}

static struct kmem_cpu *pop_resting(void)
{
	struct kmem_cpu *cpu;

	if (list_empty(&resting))
		return NULL;
	cpu = list_first_entry(&resting, struct kmem_cpu, list);
	list_del(&cpu->list);
	WRITE_ONCE(nr_resting, nr_resting - 1);
	return cpu;
}

/* A state that rests comes with sheaves as its last thread left them. */
static struct kmem_cpu *wake_cpu(void)
{
	struct kmem_cpu *cpu;

	if (!READ_ONCE(nr_resting))
		return NULL;
	lock_acquire(&cpus_lock);
	cpu = pop_resting();
	if (cpu)
		enlist(cpu);
	lock_release(&cpus_lock);
	return cpu;
}

/* With cpus_lock held. */
static unsigned int next_lane(void)
{
	static unsigned int given;
	unsigned int lane = given++ % min_ul(NR_LANES, limits.cpus);

	if (lane >= nr_lanes)
		WRITE_ONCE(nr_lanes, lane + 1);
	return lane;
}

static struct kmem_cpu *new_cpu(void)
{
	struct kmem_cpu *cpu = meta_alloc(&cpu_pool);
	unsigned int i;

	if (!cpu)
		return NULL;
	cpu->kind = CPU_LIVE;
	for (i = 0; i < NR_KMALLOC_CLASSES; i++)
		slot_init(&cpu->slot[i]);
	lock_acquire(&cpus_lock);
	cpu->pcp = pcp_of_lane(next_lane());
	enlist(cpu);
	lock_release(&cpus_lock);
	return cpu;
}

/*
 * From BOOT to BOOT_AWAY, NULL; unless a handler has given the thread a state since it was looked
 * at, which is the thread's then.
 */
static struct kmem_cpu *leave_boot(void)
{
	struct kmem_cpu *home = constant(CPU_BOOT), *away = ready_constant(CPU_BOOT_AWAY);

	if (likely(__atomic_compare_exchange_n(&this_cpu, &home, away, false, __ATOMIC_RELAXED,
					       __ATOMIC_RELAXED)))
		return NULL;
	return home;
}

/*
 * Gives the thread a state. Without an exit handler it would be lost with the thread, so then there
 * is none. Registering the handler may allocate: the state is in place by then.
 */
static struct kmem_cpu *bind_cpu(void)
{
	struct kmem_cpu *cpu = leave_boot();

	if (unlikely(cpu))
		return cpu;
	kmem_init();
	cpu = have_exit_key ? wake_cpu() : NULL;
	if (!cpu && have_exit_key)
		cpu = new_cpu();
	if (!cpu)
		return this_cpu;
	deferred_move(&stateless_deferred, &cpu->deferred);
	cpu->busy = false;
	barrier();
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

static struct kmem_cpu *enter_stateless(void)
{
	if (unlikely(leave_boot()))
		return cpu_enter();
	kmem_init();
	return this_cpu;
}

struct kmem_cpu *cpu_enter_atomic(void)
{
	struct kmem_cpu *cpu = likely(this_cpu->kind != CPU_BOOT) ? cpu_enter() : enter_stateless();

	if (likely(cpu && cpu->kind == CPU_LIVE))
		cpu->atomic = true;
	return cpu;
}

struct kmem_cpu *cpu_enter_free(void)
{
	static __thread unsigned int nr_frees;

	if (likely(this_cpu->kind != CPU_BOOT) || ++nr_frees > FREES_STATELESS)
		return cpu_enter();
	return enter_stateless();
}

/* What a signal handler freed meanwhile is freed now; it may bring more. */
static void free_deferred(struct kmem_cpu *cpu)
{
	void *object;

	do {
		cpu->busy = true;
		barrier();
		object = deferred_take(&cpu->deferred);
		barrier();
		cpu->busy = false;
		barrier();
		if (object)
			kfree_slow(object);
	} while (object);
}

static void pass_time(struct kmem_cpu *cpu)
{
	_Static_assert(LOOK_AFTER == UINT8_MAX + 1u, "the count begins anew by itself");
	if (unlikely(++cpu->nr_leaves == 0))
		lent_pass_time();
	emptied_tick(cpu);
}

void cpu_leave(struct kmem_cpu *cpu)
{
	bool atomic;

	barrier();
	if (unlikely(cpu->kind != CPU_LIVE)) {
		leave_stateless(cpu->kind == CPU_EXITED_AWAY ? CPU_EXITED : CPU_BOOT);
		return;
	}
	atomic = cpu->atomic;
	cpu->atomic = false;
	if (likely(!atomic))
		pass_time(cpu);
	cpu->busy = false;
	barrier();
	/* Nor is freed what waits, as long as there is room for more. */
	if (unlikely(cpu->deferred.nr) && (!atomic || cpu->deferred.nr > NR_DEFERRED / 2))
		free_deferred(cpu);
	if (unlikely(cpu->must_release) && !cpu->releasing && !atomic)
		release_waiting();
}

static void empty_cpu(struct kmem_cpu *cpu, slot_emptier *empty)
{
	cpu_drop_kept(cpu);
	empty_kmalloc_slots(cpu, empty);
	empty_extra_slots(cpu, empty);
}

void cpu_drain(struct kmem_cpu *cpu)
{
	empty_cpu(cpu, slot_flush);
}

static void hollow_if_room(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp)
{
	if (cpu_has_room())
		slot_hollow(slot, s, pcp);
}

void cpu_hollow(struct kmem_cpu *cpu)
{
	empty_cpu(cpu, hollow_if_room);
}

/* ---- All threads ---- */

unsigned long cpus_oldest_reader(void)
{
	unsigned long oldest = ULONG_MAX, since;
	struct kmem_cpu *cpu;

	lock_acquire(&cpus_lock);
	list_for_each_entry(cpu, &cpus, list) {
		since = smp_load_acquire(&cpu->rcu_epoch);
		if (since && since < oldest)
			oldest = since;
	}
	lock_release(&cpus_lock);
	return oldest;
}

unsigned long cpus_count(void)
{
	return READ_ONCE(nr_cpus);
}

unsigned long cpus_resting(void)
{
	return READ_ONCE(nr_resting);
}

/*
 * The other threads are gone. Their states are only set apart here, since most children exec at
 * once; cpu_reclaim_orphan() empties them when memory is wanted.
 */
void cpus_fork_child(void)
{
	struct kmem_cpu *mine = ending ? ending : this_cpu;

	/*
	 * Forked by a handler that interrupted a change of these lists: it goes on when that
	 * returns.
	 */
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
		/* Caught in a slow path, its slots may be half changed: they stay as they are. */
		if (!orphan->busy)
			empty_extra_slots(orphan, slot_flush);
	}
	lock_release(&cpus_lock);
	if (!orphan)
		return false;
	cpu_drop_kept(orphan);
	if (!orphan->busy)
		end_cpu(orphan);
	return true;
}

bool cpu_drain_resting(void)
{
	struct kmem_cpu *cpu;

	if (!READ_ONCE(nr_resting))
		return false;
	lock_acquire(&cpus_lock);
	cpu = pop_resting();
	lock_release(&cpus_lock);
	if (cpu)
		end_cpu(cpu);
	return cpu;
}

bool cpu_is_valid(const struct kmem_cpu *cpu)
{
	unsigned int i;

	for (i = 1; i < NR_KMALLOC_CLASSES; i++)
		KMEM_ASSERT(slot_is_valid(kmem_caches[i], &cpu->slot[i]));
	for (; i < nr_slots; i++)
		KMEM_ASSERT(cpu->slot[i].main ? slot_is_valid(kmem_caches[i], &cpu->slot[i]) :
						cpu->slot[i].top == NO_ROOM);
	return true;
}
