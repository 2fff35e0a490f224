/* SPDX-License-Identifier: MIT */
/*
 * What a thread owns, and the fast paths.
 *
 * this_cpu is the fast paths' only thread-local variable and never NULL. It points at the thread's
 * own live state, or at one of four constants whose slots are empty for an allocation and full for
 * a free, so that every use takes the slow path and no fast path asks whether there is a state:
 *
 *	BOOT     no state yet: the next slow path makes one, but for the first few frees
 *	EXITED   its exit handler ran: objects come from and go to the slabs one by one
 *	*_AWAY   the same two, while the thread is in a slow path
 *
 * The four are data that is written twice: when the library is linked, or at the first use, and
 * when the first cache of a program's own is made, which gives the rest of their slots the same
 * look.
 *
 * Caches 1 to NR_CLASSES - 2 have a slot in the state itself. Whatever comes later has one in
 * chunks, made when a thread first uses a cache of that chunk, and slot 0, always empty, where the
 * fast paths look: the first thing that these caches' slow paths do is to look in the chunk.
 *
 * The slots of a program's caches are flushed by the thread's exit, by a trim, by whoever takes
 * over an orphan, and by kmem_cache_destroy() in another thread: the first three do it under
 * cpus_lock, the last as well, and on the word of its caller that nobody uses the cache any more.
 *
 * A thread's state outlives it. Those that died last, two for each CPU, rest as they were, but for
 * the surplus of their sheaves (slot_settle()), and the next threads have them: of threads that
 * come and go each begins where another stopped, as sheaves of the kernel's CPUs serve whatever
 * runs there.
 *
 * Whoever is in a slow path is away or has `busy` set. A signal handler that comes here meanwhile
 * finds it and touches nothing that is being changed: its frees are deferred, its allocations get a
 * mapping of their own. A fork child does not trust the state of a thread that was busy.
 */
#ifndef KMEM_CPU_H
#define KMEM_CPU_H

#include "deferred.h"
#include "large.h"
#include "sheaf.h"

#define CROWD	      4u   /* threads a CPU: of more of them most wait, with all that they hold */
#define CHUNK_SLOTS   128u /* 4 KiB */
#define NR_CHUNKS     64u
#define NR_FAR_CACHES (CHUNK_SLOTS * NR_CHUNKS) /* the first is none */

/* States of threads, those that a fork left behind, and those that wait for a thread. */
enum cpu_list { CPUS_RUNNING, CPUS_ORPHANS, CPUS_RESTING, NR_CPU_LISTS };

enum cpu_kind { CPU_LIVE, CPU_BOOT, CPU_BOOT_AWAY, CPU_EXITED, CPU_EXITED_AWAY };

struct kmem_cpu {
	enum cpu_kind kind;
	bool busy;	   /* the thread is in a slow path, */
	bool atomic;	   /* which may not enter the OS */
	bool must_release; /* it left slabs to see to, see release.h */
	bool releasing;	   /* it sees to them */
	uint8_t nr_visits; /* since it looked whether the heap has emptied, see emptied.h */
	uint8_t nr_kept;   /* blocks it kept, until time has to pass */
	bool gave_way;	   /* its sheaves did, for a shared slab: refill_shared() in sheaf.c */
	uint8_t nr_leaves; /* ends of slow paths, until it looks at the clock, see lent.h */
	struct deferred deferred; /* frees that signal handlers wanted while it was */
	struct list_head list; /* all live ones, orphans of a fork, or those that rest; RANK_CPUS */
	struct per_cpu_pages *pcp;  /* its lane's page lists; says which lane that is */
	struct keep_limit may_keep; /* large blocks, as it was when it looked last */
	struct page *kept; /* the large block it freed last, or NULL; cpu_exchange_kept() */

	/*
	 * By class; the first and the last are no cache's and stay as the constants have them. Most
	 * threads use the first few, which share a page with all of the above.
	 */
	struct cpu_slot slot[NR_CLASSES];

	/* What few programs need; zero in a state that is not in use. */
	struct cpu_slot *chunk[NR_CHUNKS];
	unsigned long rcu_epoch; /* when it became a reader; 0: it is none. See rcu.h */
	unsigned int rcu_nesting;
	bool rcu_polls; /* it runs what waited for readers */
};

#define SLOT_OFFSET(class) (offsetof(struct kmem_cpu, slot) + (class) * sizeof(struct cpu_slot))

/* Whether any state may have more than the first slots in use. */
extern bool cpu_extras_used;

extern __thread struct kmem_cpu *this_cpu
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The page lists of a thread that has a state; NULL for others. */
static inline struct per_cpu_pages *cpu_pages(struct kmem_cpu *cpu)
{
	return likely(cpu->kind == CPU_LIVE) ? cpu->pcp : NULL;
}

/*
 * What the thread keeps is the caller's now; NULL: nothing. A handler may do the same at any
 * moment. Never of one of the constants.
 */
static inline struct page *cpu_exchange_kept(struct kmem_cpu *cpu, struct page *page)
{
	return (struct page *)local_exchange((uintptr_t *)&cpu->kept, (uintptr_t)page);
}

/* The slot of a cache in @cpu, if it has one. */
static inline struct cpu_slot *cache_slot(const struct kmem_cpu *cpu, const struct kmem_cache *s)
{
	struct cpu_slot *chunk;

	if (likely(s->index != CLASS_ASK))
		return (struct cpu_slot *)((char *)cpu + s->slot);
	if (!s->far)
		return NULL;
	chunk = READ_ONCE(cpu->chunk[s->far / CHUNK_SLOTS]);
	return chunk ? &chunk[s->far % CHUNK_SLOTS] : NULL;
}

/* The same, made if need be and possible; NULL when it is not. */
struct cpu_slot *cache_slot_or_new(struct kmem_cpu *cpu, const struct kmem_cache *s, gfp_t gfp);

/* Pops the newest object; NULL when the sheaf is empty. */
static __always_inline void *slot_pop(struct cpu_slot *slot)
{
	void **top = slot->top;
	void *object = top[-1];

	if (likely(object))
		WRITE_ONCE(slot->top, top - 1);
	return object;
}

/* The slot of a class, computed once: the compiler would rather repeat the sum for each access. */
static __always_inline struct cpu_slot *cpu_slot(struct kmem_cpu *cpu, unsigned int class)
{
	struct cpu_slot *slot = &cpu->slot[class];

	__asm__("" : "+r"(slot));
	return slot;
}

/* Pushes an object; false when the sheaf is at its limit. */
static __always_inline bool slot_push(struct cpu_slot *slot, void *object)
{
	void **top = slot->top;

	if (unlikely(top >= slot->end))
		return false;
	*top = object;
	WRITE_ONCE(slot->top, top + 1);
	return true;
}

/*
 * Begins a slow path. Returns the thread's live state with busy set; or one of the constants, when
 * there is no state to be had; or NULL, when this is a signal handler within a slow path, which
 * must take no lock that it may hold already.
 */
struct kmem_cpu *cpu_enter(void);

/*
 * The same for who may not enter the OS: a thread without a state stays without, and what may be
 * given back stays.
 */
struct kmem_cpu *cpu_enter_atomic(void);

/*
 * The same to free something. A thread gets no state by its first few frees: libc frees something
 * of a thread's own when the handlers for its end have run, and a state that it made then would
 * never go.
 */
struct kmem_cpu *cpu_enter_free(void);

/* The one of the two that the flags of an allocation allow. */
static inline struct kmem_cpu *cpu_enter_gfp(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) ? cpu_enter() : cpu_enter_atomic();
}

void cpu_leave(struct kmem_cpu *cpu);

/* Before any other call, once: the handler for exiting threads. */
void cpu_init(void);

/* Remembers a free for the end of the interrupted slow path. */
void cpu_defer_free(void *object);

/* The large block that @cpu keeps goes; its thread is in a slow path, or there is none. */
void cpu_drop_kept(struct kmem_cpu *cpu);

/* Everything the calling thread holds goes back to slabs and zone. */
void cpu_drain(struct kmem_cpu *cpu);

/*
 * For when it was not the program that asked: this may be a signal handler that interrupted one of
 * the fast paths, in any class. So one object of each class stays, see slot_hollow().
 */
void cpu_hollow(struct kmem_cpu *cpu);

/*
 * Whether signal handlers may still free some objects before the end of this slow path, where that
 * is a long way through the OS.
 */
bool cpu_has_room(void);

/* Takes back what one thread, lost in a fork, had; false when there is nothing to take. */
bool cpu_reclaim_orphan(void);

/* Takes apart one of the states that wait for another thread; false when there is none. */
bool cpu_drain_resting(void);

/* The same for an allocation: giving it back may enter the OS. */
static inline bool cpu_take_over(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && cpu_reclaim_orphan();
}

/*
 * Under slab_mutex: a cache with that class (or number, with CLASS_ASK) is coming, whose slots are
 * to be valid in every state; its slots in all states are emptied into the slabs, since it may be
 * going.
 */
void cpus_make_slots(const struct kmem_cache *s);
void cpus_flush_slots(struct kmem_cpu *mine, struct kmem_cache *s);

/* The epoch of the oldest reader among the threads; ULONG_MAX without one. */
unsigned long cpus_oldest_reader(void);

/* How many there are of threads, and of those that wait for a thread. */
unsigned long cpus_count(void);
unsigned long cpus_resting(void);

/* Objects of @s that lie with all threads, and the large blocks that these keep. */
unsigned long cpus_objects(const struct kmem_cache *s);
struct kept_sum {
	unsigned long blocks, pages;
};
struct kept_sum cpus_kept(void);

/* Bytes of the objects in sheaves of states that wait for another thread. */
unsigned long cpus_resting_bytes(void);

extern const struct list_head *const cpu_lists[NR_CPU_LISTS];

/* For fork.c. */
extern struct lock cpus_lock;
void cpus_fork_child(void);

bool cpu_is_valid(const struct kmem_cpu *cpu);

#endif
