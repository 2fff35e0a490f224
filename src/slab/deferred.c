/* SPDX-License-Identifier: MIT */
/* See deferred.h. */
#include "cpu.h"
#include "report.h"

__thread struct deferred stateless_deferred;

/* False when there is no room. Its place is taken before it is there: a handler may come next. */
static bool put(struct deferred *d, void *object)
{
	uint16_t nr = READ_ONCE(d->nr);

	do
		if (nr == NR_DEFERRED)
			return false;
	while (!__atomic_compare_exchange_n(&d->nr, &nr, nr + 1, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
	WRITE_ONCE(d->object[nr], object);
	return true;
}

static void put_or_lose(struct deferred *d, void *object)
{
	if (!put(d, object))
		kmem_report("a signal handler frees too much during an allocation: 0x%lx is lost",
			    (unsigned long)object);
}

/* Handlers only add meanwhile, so that an exchange that succeeds took what was read. */
void *deferred_take(struct deferred *d)
{
	uint16_t nr = READ_ONCE(d->nr);
	void *object;

	do {
		if (!nr)
			return NULL;
		object = READ_ONCE(d->object[nr - 1]);
	} while (!__atomic_compare_exchange_n(&d->nr, &nr, nr - 1, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return object;
}

void deferred_move(struct deferred *from, struct deferred *to)
{
	void *object;

	while ((object = deferred_take(from)))
		put_or_lose(to, object);
}

static struct deferred *deferred_here(void)
{
	return this_cpu->kind == CPU_LIVE ? &this_cpu->deferred : &stateless_deferred;
}

void cpu_defer_free(void *object)
{
	put_or_lose(deferred_here(), object);
}

bool cpu_has_room(void)
{
	return READ_ONCE(deferred_here()->nr) < NR_DEFERRED / 4;
}
