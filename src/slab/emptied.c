/* SPDX-License-Identifier: MIT */
/* See emptied.h. */
#include "emptied.h"

#include <errno.h>

#include "cache.h"
#include "kmalloc.h"
#include "os.h"
#include "slab_run.h"

#define KIB	       1024UL
#define MIB	       (1024UL * KIB)

#define EMPTY_SHARE    32UL /* of the peak: what may be needed still, */
#define LARGE_SHARE    4UL  /* or of one from here on, since less is soon built again */
#define LARGE_PEAK     (32 * MIB)
#define FEW	       (8 * KIB)   /* that may be needed whatever was refilled */
#define MIN_GAIN       (64 * KIB)  /* less is not worth it; */
#define GAIN_AGAIN     (256 * KIB) /* nor this, with no less needed than last time, */
#define GAIN_SHARE     16UL	   /* or this part of the peak */
#define REFILLED       4UL	   /* part of what was given back: then that was wrong */
#define DEBT_FREE      (8 * MIB)   /* that may be refilled before it matters */
#define PAID_A_MS      (48 * KIB)  /* at some 1.5 us a page these are 2% of the time */
#define FORGET_MS      2000UL	   /* until twice as much may be needed */
#define NO_LIMIT       (1UL << ADDRESS_BITS)

#define EXIT_SHARE     16UL /* of what is in use: less counts as no change */

#define RISKY_REFAULTS (16 * MIB) /* more show that large blocks come and go, */
#define RISK	       (24 * MIB) /* and then at most so much goes */

#define VISIT_BYTES    (8 * KIB) /* that a visit to a slow path makes free, more or less */
#define LEAST_VISITS   4UL	 /* from one look to the next */
#define MOST_VISITS    255UL
#define VAIN_VISITS    16UL /* after looks that brought nothing, or showed what is known */
#define DEBT_MS	       16UL /* in debt there is one look in so long */

/* Changed by the one thread that has set `looking`. */
static struct emptying state;
static bool looking;

static unsigned long look_after = LEAST_VISITS; /* visits of a thread, or below heap_look_below, */
static uint64_t look_from_ms;			/* and not before that: in debt */

bool emptied_wanted = true;

static int set_wanted(const char *value, size_t len)
{
	return option_flag(value, len, &emptied_wanted);
}

static const struct boot_param params[] = {
	{ "give_back_empty", set_wanted },
};

const struct boot_params emptied_params = { params, ARRAY_SIZE(params) };

/* ---- What to make of it ---- */

static void let_time_pass(struct emptying *e, uint64_t now_ms)
{
	e->debt -= min_ul(e->debt, (now_ms - e->paid_ms) * PAID_A_MS);
	e->paid_ms = now_ms;
	for (; e->low && now_ms - e->forgot_ms >= FORGET_MS; e->forgot_ms += FORGET_MS)
		e->low = e->low > NO_LIMIT ? 0 : e->low * 2;
}

static void learn(struct emptying *e, unsigned long refilled, uint64_t now_ms)
{
	unsigned long again = refilled - e->refilled;

	e->debt += refilled - e->seen;
	e->seen = refilled;
	if (!e->answered || !again || again * REFILLED < e->given)
		return;
	e->answered = false;
	e->low = max_ul(e->needed / 2, FEW);
	e->forgot_ms = now_ms;
}

unsigned long empty_limit(const struct emptying *e, const struct needs *needs)
{
	unsigned long most = needs->peak / (needs->peak < LARGE_PEAK ? EMPTY_SHARE : LARGE_SHARE);

	return e->low ? min_ul(most, e->low) : most;
}

/* What was answered before is answered again when that is likely to bring something. */
static bool is_news(const struct emptying *e, const struct needs *needs)
{
	if (!e->answered || needs->at_exit)
		return true;
	return needs->needed <= e->needed / 2 ||
	       needs->gain >= e->left + max_ul(GAIN_AGAIN, needs->peak / GAIN_SHARE);
}

/* Where large blocks come and go, a large heap that is empty now will be full again soon. */
static bool is_risky(const struct needs *needs)
{
	return needs->refaults > RISKY_REFAULTS && needs->gain > RISK;
}

bool is_in_debt(struct emptying *e, unsigned long refilled, uint64_t now_ms)
{
	learn(e, refilled, now_ms);
	let_time_pass(e, now_ms);
	return e->debt > DEBT_FREE;
}

uint64_t debt_paid_ms(const struct emptying *e)
{
	unsigned long excess = e->debt - min_ul(e->debt, DEBT_FREE);

	return e->paid_ms + (excess + PAID_A_MS - 1) / PAID_A_MS;
}

bool should_empty(struct emptying *e, const struct needs *needs, uint64_t now_ms)
{
	bool in_debt = is_in_debt(e, needs->refilled, now_ms);

	if (needs->idle < e->left)
		e->left = needs->idle;
	return needs->needed <= empty_limit(e, needs) && needs->gain >= MIN_GAIN &&
	       is_news(e, needs) && !in_debt && !is_risky(needs);
}

void has_emptied(struct emptying *e, const struct needs *needs, unsigned long given)
{
	e->answered = true;
	e->needed = needs->needed;
	e->given = given;
	e->refilled = needs->refilled;
	e->left = needs->idle;
}

/* ---- The look ---- */

/*
 * Bytes of a cache's slabs beyond its objects; what it lends counts as free already. What lies idle
 * in sheaves of those that share slabs counts for each by itself, and not in the slabs.
 */
static unsigned long idle_of(struct kmem_cache *s, const struct kmem_cpu *cpu)
{
	unsigned long bytes, inuse = 0, idle = 0, slabs = 0, pages = 0, lent = 0;
	struct kmem_cache_node *node;
	const struct slab_lane *lane;

	if (s->units && !s->shared)
		return cpu ? (unsigned long)slot_objects(cache_slot(cpu, s)) * s->size : 0;
	for_each_node(node, s)
		for (lane = node->lane; lane < node->lane + READ_ONCE(nr_lanes); lane++) {
			slabs += READ_ONCE(lane->nr_partial) + READ_ONCE(lane->nr_full);
			slabs += s->lends ? 0 : READ_ONCE(lane->nr_empty);
			pages += READ_ONCE(lane->nr_pages);
			lent += s->shared ? READ_ONCE(lane->nr_empty) << SHARED_ORDER : 0;
			inuse += READ_ONCE(lane->nr_inuse);
			idle += READ_ONCE(lane->barn.nr_full) * s->sheaf_capacity;
		}
	if (!slabs)
		return 0;
	pages -= min_ul(pages, lent);
	bytes = s->shared ? pages * PAGE_SIZE : slabs * (PAGE_SIZE << s->order);
	if (cpu)
		idle += slot_objects(cache_slot(cpu, s));
	inuse -= min_ul(inuse, idle);
	return bytes - min_ul(bytes, inuse * s->size);
}

struct idle {
	const struct kmem_cpu *cpu;
	unsigned long bytes;
};

static void add_idle(struct kmem_cache *s, void *arg)
{
	struct idle *idle = arg;

	idle->bytes += idle_of(s, idle->cpu);
}

static unsigned long idle_bytes(const struct kmem_cpu *cpu)
{
	struct idle idle = { cpu, cpus_resting_bytes() };

	caches_for_each(add_idle, &idle);
	return idle.bytes;
}

/* The thread is busy: no handler takes it away meanwhile. */
static unsigned long kept_bytes(const struct kmem_cpu *cpu)
{
	return cpu && cpu->kept ? cpu->kept->nr_pages * PAGE_SIZE : 0;
}

/* What lanes keep for a moment is as free as the zone's dirty pages. */
static unsigned long bytes_free(const struct zone_totals *sum)
{
	return (sum->nr_listed + sum->nr_lent + sum->nr_dirty) * PAGE_SIZE;
}

static unsigned long bytes_used(const struct zone_totals *sum)
{
	unsigned long free = sum->nr_free + sum->nr_listed + sum->nr_lent;

	return (sum->nr_online - min_ul(sum->nr_online, free)) * PAGE_SIZE;
}

/* As purge.c has it; how much was listed at the peak nobody knows. */
static unsigned long peak_used(const struct zone_totals *sum)
{
	return (sum->peak_used - min_ul(sum->peak_used, sum->nr_listed)) * PAGE_SIZE;
}

static struct needs look(const struct kmem_cpu *cpu, const struct zone_totals *sum)
{
	struct needs needs;
	unsigned long idle;

	idle = idle_bytes(cpu) + kept_bytes(cpu);
	needs.used = bytes_used(sum);
	/* Without a page freed nobody has looked at the peak. */
	needs.peak = max_ul(peak_used(sum), needs.used);
	idle = min_ul(idle, needs.used);
	needs.needed = needs.used - idle;
	needs.idle = idle;
	needs.gain = idle + bytes_free(sum);
	needs.refilled = sum->nr_refilled * PAGE_SIZE;
	needs.refaults = sum->nr_refault * PAGE_SIZE;
	needs.at_exit = !cpu;
	return needs;
}

/* What exceeds the limit has to be freed first. */
static void plan_next(const struct needs *needs)
{
	unsigned long excess = needs->needed - min_ul(needs->needed, empty_limit(&state, needs));

	if (excess) {
		WRITE_ONCE(look_after, min_ul(LEAST_VISITS + excess / VISIT_BYTES, MOST_VISITS));
		WRITE_ONCE(heap_look_below, (needs->used - excess) / PAGE_SIZE);
	} else {
		/* Nothing new is to be seen soon, but with much less in use. */
		WRITE_ONCE(look_after, min_ul(2 * look_after, VAIN_VISITS));
		WRITE_ONCE(heap_look_below, needs->used / 2 / PAGE_SIZE);
	}
}

static void give_back(struct kmem_cpu *cpu)
{
	struct zone_totals sum;
	unsigned long given;
	struct needs needs;

	while (cpu_reclaim_orphan() || cpu_drain_resting())
		;
	if (cpu)
		cpu_hollow(cpu);
	caches_trim();
	given = zones_emptied(cpu_has_room) * PAGE_SIZE;
	zones_total(&sum);
	needs = look(cpu, &sum);
	has_emptied(&state, &needs, given);
}

/* False when it could not look. In debt there is no need to: nothing would go, whatever it saw. */
static bool look_and_act(struct kmem_cpu *cpu, const struct zone_totals *sum)
{
	struct needs needs;
	uint64_t now;

	/*
	 * A fork holds these locks, as may what a signal handler interrupted: nothing is given back
	 * then.
	 */
	if (lock_is_mine(&slab_mutex) || lock_is_mine(&cpus_lock) ||
	    __atomic_exchange_n(&looking, true, __ATOMIC_ACQUIRE))
		return false;
	/* Not before: no look is later than the next one. */
	now = os_clock_ms();
	if (is_in_debt(&state, sum->nr_refilled * PAGE_SIZE, now)) {
		WRITE_ONCE(look_after, LEAST_VISITS);
		WRITE_ONCE(look_from_ms, min_ul(debt_paid_ms(&state), now + DEBT_MS));
		WRITE_ONCE(heap_look_below, 0);
	} else {
		WRITE_ONCE(look_from_ms, 0);
		needs = look(cpu, sum);
		if (should_empty(&state, &needs, now))
			give_back(cpu);
		plan_next(&needs);
	}
	__atomic_store_n(&looking, false, __ATOMIC_RELEASE);
	return true;
}

/*
 * The debt can only have grown since it was looked at: that needs no sums over what other threads
 * write to. But whether the heap is full again, and what it refilled, is to be seen once in a
 * while.
 */
static bool still_in_debt(void)
{
	uint64_t from = READ_ONCE(look_from_ms);

	return from && os_clock_ms() < from;
}

static void look_unless_in_debt(struct kmem_cpu *cpu)
{
	struct zone_totals sum;
	bool sank;

	if (still_in_debt())
		return;
	zones_total(&sum);
	/* Where more is in use there is no reason to look again, unless another comes up. */
	sank = bytes_used(&sum) <= peak_used(&sum) / 4 * SUNK_USED;
	WRITE_ONCE(heap_state, sank ? HEAP_SANK : HEAP_STEADY);
	look_and_act(cpu, &sum);
}

void emptied_look(struct kmem_cpu *cpu)
{
	if (++cpu->nr_visits < READ_ONCE(look_after) && READ_ONCE(heap_state) == HEAP_SANK)
		return;
	cpu->nr_visits = 0;
	look_unless_in_debt(cpu);
}

void emptied_by_time(struct kmem_cpu *cpu)
{
	if (READ_ONCE(heap_state) && emptied_wanted)
		look_unless_in_debt(cpu);
}

/* Where threads come and go, and the heap stays as it is, one look is enough. */
void emptied_by_exit(void)
{
	static unsigned long seen; /* bytes in use after the last look */
	unsigned long used, before = READ_ONCE(seen);
	struct zone_totals sum;

	if (!emptied_wanted || cpus_count() > 1)
		return;
	zones_total(&sum);
	used = bytes_used(&sum);
	if (used >= before - before / EXIT_SHARE && used <= before + before / EXIT_SHARE)
		return;
	if (!look_and_act(NULL, &sum))
		return;
	zones_total(&sum);
	WRITE_ONCE(seen, bytes_used(&sum));
}

/* Another thread may have been looking. Not written to where it need not be. */
void emptied_fork_child(void)
{
	if (looking)
		looking = false;
}
