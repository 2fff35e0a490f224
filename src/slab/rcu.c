/* SPDX-License-Identifier: MIT */
/* See rcu.h. */
#include "rcu.h"

#include <errno.h>
#include <sched.h>

#include "os.h"
#include "report.h"

#define YIELDS	 100 /* looks at the readers before sleeping between them */
#define SLEEP_NS 200000

struct lock rcu_lock = LOCK_INIT(RANK_RCU);

static unsigned long epoch = 1;		/* atomic */
static unsigned long stateless_readers; /* atomic */

/* What waits for readers, oldest first; rcu_lock. */
static struct kmem_rcu_head *first, **last = &first;

static const struct kmem_rcu_ops *registered;
static bool in_use;

static bool stateless_polls; /* atomic */

/* What the built-in scheme keeps in a head. */
#define NEXT(head)  (*(struct kmem_rcu_head **)&(head)->scheme[0])
#define FUNC(head)  (*(void (**)(struct kmem_rcu_head *)) & (head)->scheme[1])
#define EPOCH(head) (*(unsigned long *)&(head)->scheme[2])

/* Full barrier; the race detector knows no fences, but what an exchange orders. */
static inline void smp_mb(void)
{
#if defined(__SANITIZE_THREAD__)
	static int word;

	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* ---- Readers ---- */

/* The thread's state, made if it has none yet; or one of the constants. */
static struct kmem_cpu *my_state(void)
{
	struct kmem_cpu *cpu = this_cpu;

	if (unlikely(cpu->kind == CPU_BOOT)) {
		cpu = cpu_enter();
		if (cpu)
			cpu_leave(cpu);
	}
	return this_cpu;
}

/*
 * A signal handler may read between any two steps. It keeps an epoch that it finds, and takes away
 * one that it noted only where nobody is within: so the nesting grows first, and the epoch is asked
 * for.
 */
static void builtin_read_lock(void)
{
	struct kmem_cpu *cpu = my_state();

	if (unlikely(cpu->kind != CPU_LIVE)) {
		__atomic_fetch_add(&stateless_readers, 1, __ATOMIC_SEQ_CST);
		return;
	}
	cpu->rcu_nesting++;
	barrier();
	if (!READ_ONCE(cpu->rcu_epoch)) {
		WRITE_ONCE(cpu->rcu_epoch, smp_load_acquire(&epoch));
		smp_mb();
	}
}

static void builtin_read_unlock(void)
{
	struct kmem_cpu *cpu = this_cpu;

	if (unlikely(cpu->kind != CPU_LIVE || !cpu->rcu_nesting)) {
		if (!__atomic_load_n(&stateless_readers, __ATOMIC_RELAXED))
			kmem_bug("-: kmem_rcu_read_unlock() without kmem_rcu_read_lock()");
		__atomic_fetch_sub(&stateless_readers, 1, __ATOMIC_SEQ_CST);
	} else if (--cpu->rcu_nesting == 0) {
		smp_store_release(&cpu->rcu_epoch, 0);
	}
	rcu_poll();
}

static bool is_reader(void)
{
	const struct kmem_cpu *cpu = this_cpu;

	return cpu->kind == CPU_LIVE && cpu->rcu_nesting;
}

/* Whether every reader began in epoch @since or later. */
static bool readers_are_past(unsigned long since)
{
	struct kmem_cpu *cpu = cpu_enter();
	bool past;

	if (!cpu)
		return false;
	smp_mb();
	past = !__atomic_load_n(&stateless_readers, __ATOMIC_ACQUIRE) &&
	       cpus_oldest_reader() >= since;
	cpu_leave(cpu);
	return past;
}

static unsigned long new_epoch(void)
{
	smp_mb();
	return __atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
}

static void pause_between_looks(unsigned int looks)
{
	if (looks < YIELDS)
		sched_yield();
	else
		os_nap(SLEEP_NS);
}

static void builtin_synchronize(void)
{
	unsigned long mine = new_epoch();
	unsigned int looks;

	if (is_reader())
		kmem_bug("-: kmem_synchronize_rcu() would wait for its own kmem_rcu_read_lock()");
	for (looks = 0; !readers_are_past(mine); looks++)
		pause_between_looks(looks);
}

/* ---- Calls ---- */

static void builtin_call(struct kmem_rcu_head *head, void (*func)(struct kmem_rcu_head *))
{
	struct kmem_cpu *cpu = cpu_enter();

	KMEM_ASSERT(cpu);
	NEXT(head) = NULL;
	FUNC(head) = func;
	lock_acquire(&rcu_lock);
	/* Within the lock, so that the list is in the order of epochs. */
	EPOCH(head) = new_epoch();
	WRITE_ONCE(*last, head);
	last = &NEXT(head);
	lock_release(&rcu_lock);
	cpu_leave(cpu);
}

/* The oldest call, if it is of epoch @upto or before. */
static struct kmem_rcu_head *take_call(unsigned long upto)
{
	struct kmem_cpu *cpu = cpu_enter();
	struct kmem_rcu_head *head;

	if (!cpu)
		return NULL;
	lock_acquire(&rcu_lock);
	head = first;
	if (head && EPOCH(head) > upto)
		head = NULL;
	if (head) {
		WRITE_ONCE(first, NEXT(head));
		if (!first)
			last = &first;
	}
	lock_release(&rcu_lock);
	cpu_leave(cpu);
	return head;
}

/* The epoch of the oldest call; 0 when there is none. */
static unsigned long oldest_call(void)
{
	struct kmem_cpu *cpu = cpu_enter();
	unsigned long oldest;

	if (!cpu)
		return 0;
	lock_acquire(&rcu_lock);
	oldest = first ? EPOCH(first) : 0;
	lock_release(&rcu_lock);
	cpu_leave(cpu);
	return oldest;
}

static void run_calls(void)
{
	struct kmem_rcu_head *head;
	unsigned long due;

	while (READ_ONCE(first)) {
		due = oldest_call();
		if (!due || !readers_are_past(due))
			return;
		head = take_call(due);
		if (head)
			FUNC(head)(head);
	}
}

/* Not within itself: what a call runs may read, and leave, and so come here. */
void rcu_poll(void)
{
	struct kmem_cpu *cpu = this_cpu;
	bool *polls = cpu->kind == CPU_LIVE ? &cpu->rcu_polls : &stateless_polls;

	if (!READ_ONCE(first) || __atomic_exchange_n(polls, true, __ATOMIC_RELAXED))
		return;
	run_calls();
	__atomic_store_n(polls, false, __ATOMIC_RELAXED);
}

/* A call may wait here for later ones, which nobody else need look after. */
static void builtin_barrier(void)
{
	builtin_synchronize();
	run_calls();
}

/* ---- Which scheme ---- */

static const struct kmem_rcu_ops builtin = {
	.call = builtin_call,
	.barrier = builtin_barrier,
	.read_lock = builtin_read_lock,
	.read_unlock = builtin_read_unlock,
	.synchronize = builtin_synchronize,
};

static const struct kmem_rcu_ops *scheme(void)
{
	const struct kmem_rcu_ops *ops = smp_load_acquire(&registered);

	return ops ? ops : &builtin;
}

int rcu_register(const struct kmem_rcu_ops *ops)
{
	if (!ops || !ops->call || !ops->barrier || !ops->read_lock || !ops->read_unlock ||
	    !ops->synchronize)
		return -EINVAL;
	if (READ_ONCE(in_use))
		return -EBUSY;
	smp_store_release(&registered, ops);
	return 0;
}

void rcu_commit(void)
{
	WRITE_ONCE(in_use, true);
}

void grace_call(struct kmem_rcu_head *head, void (*func)(struct kmem_rcu_head *))
{
	scheme()->call(head, func);
}

void grace_barrier(void)
{
	(scheme()->barrier)(); /* which is also a macro */
}

void rcu_read_lock(void)
{
	scheme()->read_lock();
}

void rcu_read_unlock(void)
{
	scheme()->read_unlock();
}

void synchronize_rcu(void)
{
	scheme()->synchronize();
}

bool rcu_is_builtin(void)
{
	return scheme() == &builtin;
}

void rcu_for_each_call(void (*fn)(struct kmem_rcu_head *head))
{
	struct kmem_rcu_head *head;

	for (head = first; head; head = NEXT(head))
		fn(head);
}

void rcu_fork_child(void)
{
	if (rcu_lock.depth)
		return;
	__atomic_store_n(&stateless_readers, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&stateless_polls, false, __ATOMIC_RELAXED);
}
