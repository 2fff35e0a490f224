/* SPDX-License-Identifier: MIT */
/* See shrinker.h. */
#include "shrinker.h"

#include <errno.h>
#include <pthread.h>
#include <sys/sysinfo.h>

#include "kmalloc.h"
#include "limit.h"
#include "list.h"
#include "numa.h"
#include "os.h"
#include "report.h"
#include "wait_queue.h"

#define FIRST_SHARE 2	/* 1 << 2: the first pass asks for a quarter */
#define PRESSURE_MS 100 /* between two looks at the cgroup */
#define REMOVE_MS   100 /* between two looks at whether a shrinker is idle; events come sooner */
#define NOFAIL_NS   1000000 /* between two tries of an allocation that must not fail */
#define MAX_ROUNDS  64	    /* passes of shrinkers_run_all(), should they never come to an end */

/* kmem_state of a struct shrinker */
enum { UNREGISTERED, REGISTERED, LEAVING };

/* A thread that runs shrinkers. */
struct reclaimer {
	struct list_head list;
	uintptr_t thread;
	struct shrinker *running;
};

struct lock shrinker_lock = LOCK_INIT(RANK_SHRINKER);
unsigned int nr_shrinkers;

/* Both under shrinker_lock. */
static struct shrinker *shrinkers;
static struct list_head reclaimers = LIST_HEAD_INIT(reclaimers);

/* Whoever waits for a shrinker to be idle. */
static struct wait_queue idle;

/* ---- One pass ---- */

/* Objects to scan in a pass that asks for 1 / (1 << @share) of what there is. */
static unsigned long wanted(const struct shrinker *s, unsigned long freeable, unsigned int share)
{
	unsigned long nr = freeable >> share;

	/* What costs more to make again goes later: but all goes before an allocation fails. */
	if (share && s->seeks > DEFAULT_SEEKS)
		nr = nr * DEFAULT_SEEKS / (unsigned int)s->seeks;
	return nr ? nr : 1;
}

/* Asks one shrinker; no lock is held. */
static unsigned long run_one(struct shrinker *s, gfp_t flags, unsigned int share)
{
	unsigned long batch = s->batch > 0 ? (unsigned long)s->batch : SHRINK_BATCH;
	struct shrink_control sc = { .gfp_mask = flags };
	unsigned long freeable = s->count_objects(s, &sc), freed = 0, left;

	if (freeable == 0 || freeable == SHRINK_EMPTY)
		return 0;
	left = wanted(s, freeable, share);
	while (left) {
		unsigned long nr;

		sc.nr_to_scan = left < batch ? left : batch;
		sc.nr_scanned = sc.nr_to_scan;
		nr = s->scan_objects(s, &sc);
		if (nr == SHRINK_STOP)
			break;
		freed += nr;
		/* One that says it scanned nothing would be asked for ever. */
		if (!sc.nr_scanned)
			break;
		left -= sc.nr_scanned < left ? sc.nr_scanned : left;
	}
	return freed;
}

static bool begin(struct reclaimer *me)
{
	struct reclaimer *other;

	*me = (struct reclaimer){ .thread = thread_self() };
	lock_acquire(&shrinker_lock);
	list_for_each_entry(other, &reclaimers, list)
		if (other->thread == me->thread) {
			lock_release(&shrinker_lock);
			return false;
		}
	list_add(&me->list, &reclaimers);
	lock_release(&shrinker_lock);
	return true;
}

static void end(struct reclaimer *me)
{
	lock_acquire(&shrinker_lock);
	list_del(&me->list);
	lock_release(&shrinker_lock);
}

/* Steps from @s, or from the start, to the next shrinker, which is then running in this thread. */
static struct shrinker *step(struct reclaimer *me, struct shrinker *s)
{
	bool left = false;

	lock_acquire(&shrinker_lock);
	if (s)
		left = s->kmem_state == LEAVING;
	s = s ? s->kmem_next : shrinkers;
	while (s && s->kmem_state == LEAVING)
		s = s->kmem_next;
	me->running = s;
	lock_release(&shrinker_lock);
	if (left)
		wake_up_all(&idle);
	return s;
}

static unsigned long run_shrinkers(struct reclaimer *me, gfp_t flags, unsigned int share)
{
	struct shrinker *s = NULL;
	unsigned long freed = 0;

	while ((s = step(me, s)))
		freed += run_one(s, flags, share);
	return freed;
}

/* A pass over all shrinkers and the library's own caches; false for a thread that is in one. */
static bool reclaim_pass(gfp_t flags, unsigned int share, unsigned long *freed)
{
	struct reclaimer me;
	int cancelled;

	if (!begin(&me))
		return false;
	/* A thread that ended in a shrinker would never be out of it. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelled);
	*freed = run_shrinkers(&me, flags, share);
	end(&me);
	pthread_setcancelstate(cancelled, &cancelled);
	kmem_trim_unasked();
	return true;
}

/* ---- When memory is refused ---- */

/*
 * More than the process could have if nothing else were in it, be it by its limit or by the
 * machine's memory. A limit may be set below what the process has already, which is then not beyond
 * hope.
 */
static bool is_hopeless(size_t bytes)
{
	struct zone_totals sum;
	struct sysinfo info;

	zones_total(&sum);
	if (bytes <= sum.nr_online << PAGE_SHIFT)
		return false;
	if (bytes > os_memory_limit())
		return true;
	return sysinfo(&info) == 0 &&
	       bytes > ((size_t)info.totalram + info.totalswap) * info.mem_unit;
}

static bool reclaim(gfp_t flags, size_t bytes, unsigned int attempt)
{
	unsigned long freed;

	if (is_hopeless(bytes))
		return false;
	if (attempt == 0) {
		if (kmem_trim_unasked())
			return true;
		attempt = 1;
	}
	return READ_ONCE(nr_shrinkers) && attempt - 1 <= FIRST_SHARE &&
	       reclaim_pass(flags, FIRST_SHARE - (attempt - 1), &freed);
}

bool kmem_reclaim(gfp_t flags, size_t bytes, unsigned int attempt)
{
	int saved = errno;
	bool again;

	/* Within a slow path (a signal), or a fork that holds every lock: nothing may run. */
	if (!(flags & __GFP_DIRECT_RECLAIM) || kmem_in_slow_path() || lock_is_mine(&shrinker_lock))
		return false;
	again = !(flags & __GFP_NORETRY) && reclaim(flags, bytes, attempt);
	if (!again && (flags & __GFP_NOFAIL)) {
		os_nap(NOFAIL_NS);
		again = true;
	}
	errno = saved;
	return again;
}

void kmem_alloc_failed(gfp_t flags, size_t bytes)
{
	static struct report_limit limit;

	if (!(flags & __GFP_NOWARN) && report_allowed(&limit, os_clock_ms()))
		kmem_report("allocation failure: %zu bytes, flags 0x%x", bytes, flags);
}

/* ---- On pressure, and on request ---- */

void shrinkers_check_pressure(void)
{
	static uint64_t looked_ms;
	uint64_t now = os_clock_ms(), last = READ_ONCE(looked_ms);
	int saved = errno;
	unsigned long freed;

	if (now - last < PRESSURE_MS || kmem_in_slow_path() || lock_is_mine(&shrinker_lock))
		return;
	/* One thread looks. */
	if (__atomic_compare_exchange_n(&looked_ms, &last, now, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED) &&
	    limits_pressure())
		reclaim_pass(__GFP_DIRECT_RECLAIM, FIRST_SHARE, &freed);
	errno = saved;
}

unsigned long shrinkers_run_all(void)
{
	unsigned long freed, all = 0;
	unsigned int rounds = 0;

	if (kmem_in_slow_path() || lock_is_mine(&shrinker_lock))
		return 0;
	while (rounds++ < MAX_ROUNDS && reclaim_pass(__GFP_DIRECT_RECLAIM, 0, &freed) && freed)
		all += freed;
	return all;
}

/* ---- The list ---- */

void shrinkers_add(struct shrinker *shrinker)
{
	if (shrinker->kmem_state != UNREGISTERED)
		kmem_bug("shrinker: registered twice, of 0x%lx", (unsigned long)shrinker);
	lock_acquire(&shrinker_lock);
	shrinker->kmem_state = REGISTERED;
	shrinker->kmem_next = shrinkers;
	shrinkers = shrinker;
	WRITE_ONCE(nr_shrinkers, nr_shrinkers + 1);
	lock_release(&shrinker_lock);
}

/* Whether a thread is in @shrinker; the lock is held. */
static bool is_running(const struct shrinker *shrinker)
{
	struct reclaimer *r;

	list_for_each_entry(r, &reclaimers, list) {
		if (r->running != shrinker)
			continue;
		if (r->thread == thread_self())
			kmem_bug("shrinker: unregistered within itself, of 0x%lx",
				 (unsigned long)shrinker);
		return true;
	}
	return false;
}

static void unlink_shrinker(struct shrinker *shrinker)
{
	struct shrinker **link = &shrinkers;

	while (*link != shrinker)
		link = &(*link)->kmem_next;
	*link = shrinker->kmem_next;
	shrinker->kmem_next = NULL;
	shrinker->kmem_state = UNREGISTERED;
	WRITE_ONCE(nr_shrinkers, nr_shrinkers - 1);
}

void shrinkers_remove(struct shrinker *shrinker)
{
	bool done;

	lock_acquire(&shrinker_lock);
	done = shrinker->kmem_state == UNREGISTERED;
	if (!done)
		shrinker->kmem_state = LEAVING;
	while (!done) {
		uint32_t ticket = prepare_to_wait(&idle);

		done = !is_running(shrinker);
		if (done) {
			unlink_shrinker(shrinker);
			finish_wait(&idle);
		} else {
			lock_release(&shrinker_lock);
			wait_for_event(&idle, ticket, REMOVE_MS);
			lock_acquire(&shrinker_lock);
		}
	}
	lock_release(&shrinker_lock);
}

void shrinkers_fork_child(void)
{
	struct reclaimer *r, *next;

	/*
	 * Forked by a handler that interrupted a change of the lists: it goes on when that returns.
	 */
	if (shrinker_lock.depth)
		return;
	list_for_each_entry_safe(r, next, &reclaimers, list)
		if (r->thread != thread_self())
			list_del(&r->list);
}
