/* SPDX-License-Identifier: MIT */
/* See release.h for the states. */
#include "release.h"

#include <errno.h>
#include <sched.h>

#include "cache.h"
#include "cpu.h"
#include "rcu.h"
#include "report.h"

struct lock release_lock = LOCK_INIT(RANK_RELEASE);

static struct list_head waiting = LIST_HEAD_INIT(waiting);
static struct list_head in_hand = LIST_HEAD_INIT(in_hand);

void release_later(struct kmem_cache *s, struct list_head *slabs)
{
	unsigned int nr = 0;
	struct slab *slab, *next;

	lock_acquire(&release_lock);
	list_for_each_entry_safe(slab, next, slabs, list) {
		page_set_type((struct page *)slab, PAGE_NONE);
		list_move_tail(&slab->list, &waiting);
		nr++;
	}
	WRITE_ONCE(s->nr_waiting, s->nr_waiting + nr);
	lock_release(&release_lock);
	if (nr && this_cpu->kind == CPU_LIVE)
		this_cpu->must_release = true;
}

/* ---- Constructor and destructor ---- */

void *construct(struct kmem_cache *s, void *object)
{
	if (!((uintptr_t)object & FRESH_OBJECT))
		return object;
	object = (char *)object - FRESH_OBJECT;
	if (!s->ctor)
		return object;
	if (s->old_form)
		s->old_ctor(object, s, SLAB_CTOR_CONSTRUCTOR);
	else
		s->ctor(object);
	return object;
}

static void destruct_all(struct kmem_cache *s, struct slab *slab)
{
	char *object = slab_base(s, slab);
	unsigned int i;

	if (!s->dtor)
		return;
	for (i = 0; i < slab->constructed; i++, object += s->size) {
		if (s->old_form)
			s->old_dtor(object, s, 0);
		else
			s->dtor(object);
	}
}

/* ---- Seeing to slabs: with no lock held, outside of the slow paths ---- */

static void take_in_hand(struct slab *slab)
{
	slab->free_map[0] = thread_self();
	list_add(&slab->list, &in_hand);
}

/* From here on the cache may be gone at any moment. */
static void done_with(struct kmem_cache *s)
{
	lock_acquire(&release_lock);
	WRITE_ONCE(s->nr_waiting, s->nr_waiting - 1);
	lock_release(&release_lock);
}

/* The slab in hand is destructed and goes. */
static void finish(struct slab *slab)
{
	struct kmem_cache *s = slab->cache;
	struct kmem_cpu *cpu;

	destruct_all(s, slab);
	cpu = cpu_enter();
	KMEM_ASSERT(cpu);
	lock_acquire(&release_lock);
	list_del(&slab->list);
	lock_release(&release_lock);
	slab_release(cpu_pages(cpu), slab);
	done_with(s);
	cpu_leave(cpu);
}

static void readers_have_left(struct kmem_rcu_head *head)
{
	struct slab *slab = container_of(head, struct slab, rcu);
	struct kmem_cpu *cpu = cpu_enter();

	KMEM_ASSERT(cpu);
	lock_acquire(&release_lock);
	slab->cache->nr_with_readers--;
	take_in_hand(slab);
	lock_release(&release_lock);
	cpu_leave(cpu);
	finish(slab);
}

static struct slab *take_waiting(void)
{
	struct kmem_cpu *cpu = cpu_enter();
	struct slab *slab = NULL;

	if (!cpu)
		return NULL;
	lock_acquire(&release_lock);
	if (!list_empty(&waiting)) {
		slab = list_first_entry(&waiting, struct slab, list);
		list_del(&slab->list);
		if (slab->cache->flags & SLAB_TYPESAFE_BY_RCU)
			slab->cache->nr_with_readers++;
		else
			take_in_hand(slab);
	}
	lock_release(&release_lock);
	cpu_leave(cpu);
	return slab;
}

static bool see_to_one(void)
{
	struct slab *slab = take_waiting();

	if (!slab)
		return false;
	if (slab->cache->flags & SLAB_TYPESAFE_BY_RCU)
		grace_call(&slab->rcu, readers_have_left);
	else
		finish(slab);
	return true;
}

void release_waiting(void)
{
	struct kmem_cpu *cpu = this_cpu;
	int saved = errno;

	if (cpu->kind != CPU_LIVE) {
		while (see_to_one())
			;
	} else if (!cpu->releasing) {
		cpu->releasing = true;
		while (see_to_one())
			;
		cpu->must_release = false;
		cpu->releasing = false;
		rcu_poll();
	}
	/* It may be a free() that found them. */
	errno = saved;
}

static bool have_in_hand(const struct kmem_cache *s)
{
	const struct slab *slab;
	bool mine = false;

	lock_acquire(&release_lock);
	list_for_each_entry(slab, &in_hand, list)
		mine |= slab->cache == s && slab->free_map[0] == thread_self();
	lock_release(&release_lock);
	return mine;
}

void release_wait(struct kmem_cache *s)
{
	for (;;) {
		while (see_to_one())
			;
		/* Each time: another thread may call, and leave it to whoever comes next. */
		if (s->flags & SLAB_TYPESAFE_BY_RCU)
			grace_barrier();
		if (!READ_ONCE(s->nr_waiting))
			break;
		if (have_in_hand(s))
			kmem_bug("%s: kmem_cache_destroy() by a destructor of its own", s->name);
		sched_yield();
	}
	/* Whoever counted the last one down has let go of the lock. */
	lock_acquire(&release_lock);
	lock_release(&release_lock);
}

/* ---- Fork ---- */

/* Those that end are among them: what is lost may be the last slab of one, and on no list. */
static void forget_counts(const struct list_head *caches, bool with_readers)
{
	struct kmem_cache *s;

	list_for_each_entry(s, caches, list) {
		if (with_readers)
			s->nr_with_readers = 0;
		s->nr_waiting = s->nr_with_readers;
	}
}

static void count_with_readers(struct kmem_rcu_head *head)
{
	struct kmem_cache *s = container_of(head, struct slab, rcu)->cache;

	s->nr_with_readers++;
	s->nr_waiting++;
}

static void count_again(const struct list_head *slabs)
{
	const struct slab *slab;

	list_for_each_entry(slab, slabs, list)
		slab->cache->nr_waiting++;
}

/*
 * What other threads had in hand, or just on the way to the readers, is lost; the rest is counted.
 */
void release_fork_child(void)
{
	bool builtin = rcu_is_builtin();
	struct slab *slab, *next;

	if (release_lock.depth)
		return;
	list_for_each_entry_safe(slab, next, &in_hand, list)
		if (slab->free_map[0] != thread_self())
			list_del(&slab->list);
	forget_counts(&slab_caches, builtin);
	forget_counts(&ending_caches, builtin);
	if (builtin)
		rcu_for_each_call(count_with_readers);
	count_again(&waiting);
	count_again(&in_hand);
}
