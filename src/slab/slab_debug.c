/* SPDX-License-Identifier: MIT */
/* See slab_debug.h for the layout. */
#include "slab_debug.h"

#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "release.h"
#include "report.h"

#define POISON_INUSE 0x5a
#define POISON_FREE  0x6b
#define POISON_END   0xa5
#define RED_FREE     0xbb
#define RED_INUSE    0xcc

struct track {
	const void *caller;
	long thread;
};

enum track_kind { TRACK_ALLOC, TRACK_FREE };

static unsigned int red_end(const struct kmem_cache *s)
{
	unsigned int end = (unsigned int)align_up(s->object_size, sizeof(void *));

	return s->flags & SLAB_RED_ZONE ? end + (unsigned int)sizeof(void *) : end;
}

unsigned int debug_size(const struct kmem_cache *s)
{
	if (!(s->flags & SLAB_DEBUG_FLAGS))
		return s->object_size;
	return red_end(s) +
	       (s->flags & SLAB_STORE_USER ? 2 * (unsigned int)sizeof(struct track) : 0);
}

static bool has_poison(const struct kmem_cache *s)
{
	return (s->flags & SLAB_POISON) && !(s->flags & SLAB_TYPESAFE_BY_RCU) && !s->ctor &&
	       !s->dtor;
}

/* ---- Bytes ---- */

static bool all_are(const unsigned char *p, unsigned int n, unsigned char value)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void set_red_zone(const struct kmem_cache *s, void *object, unsigned char value)
{
	if (s->flags & SLAB_RED_ZONE)
		memset((char *)object + s->object_size, value, red_end(s) - s->object_size);
}

static bool red_zone_is(const struct kmem_cache *s, const void *object, unsigned char value)
{
	return !(s->flags & SLAB_RED_ZONE) ||
	       all_are((const unsigned char *)object + s->object_size, red_end(s) - s->object_size,
		       value);
}

static void poison_free(const struct kmem_cache *s, void *object)
{
	if (!has_poison(s))
		return;
	memset(object, POISON_FREE, s->object_size - 1);
	((unsigned char *)object)[s->object_size - 1] = POISON_END;
}

static bool poison_is_whole(const struct kmem_cache *s, const void *object)
{
	const unsigned char *p = object;

	return !has_poison(s) ||
	       (all_are(p, s->object_size - 1, POISON_FREE) && p[s->object_size - 1] == POISON_END);
}

/* ---- Users ---- */

static struct track *track_of(const struct kmem_cache *s, const void *object, enum track_kind kind)
{
	return (struct track *)((char *)object + red_end(s)) + kind;
}

static void note_user(const struct kmem_cache *s, void *object, enum track_kind kind,
		      const void *caller)
{
	if (s->flags & SLAB_STORE_USER)
		*track_of(s, object, kind) =
			(struct track){ .caller = caller, .thread = (long)gettid() };
	if (s->flags & SLAB_TRACE)
		kmem_report("TRACE %s: %s 0x%lx by 0x%lx", s->name,
			    kind == TRACK_ALLOC ? "alloc" : "free", (unsigned long)object,
			    (unsigned long)caller);
}

void debug_report_users(const struct kmem_cache *s, const void *object)
{
	static const char *const what[] = { "taken", "given back" };
	unsigned int kind;

	if (!(s->flags & SLAB_STORE_USER))
		return;
	for (kind = TRACK_ALLOC; kind <= TRACK_FREE; kind++) {
		const struct track *track = track_of(s, object, kind);

		if (track->caller)
			kmem_report("%s: 0x%lx was %s by 0x%lx in thread %ld", s->name,
				    (unsigned long)object, what[kind], (unsigned long)track->caller,
				    track->thread);
	}
}

/* ---- Coming and going ---- */

static _Noreturn void fault_written(const struct kmem_cache *s, const void *object,
				    const char *what)
{
	debug_report_users(s, object);
	kmem_bug("%s: %s of 0x%lx", s->name, what, (unsigned long)object);
}

void *debug_alloc(struct kmem_cache *s, void *object, const void *caller)
{
	bool fresh = (uintptr_t)object & FRESH_OBJECT;

	object = construct(s, object);
	if (fresh && (s->flags & SLAB_STORE_USER))
		memset(track_of(s, object, TRACK_ALLOC), 0, 2 * sizeof(struct track));
	if (!fresh && !poison_is_whole(s, object))
		fault_written(s, object, "write after the free");
	if (!fresh && !red_zone_is(s, object, RED_FREE))
		fault_written(s, object, "write past the end");
	set_red_zone(s, object, RED_INUSE);
	if (has_poison(s))
		memset(object, POISON_INUSE, s->object_size);
	note_user(s, object, TRACK_ALLOC, caller);
	return object;
}

void debug_free(struct kmem_cache *s, void *object, const void *caller)
{
	slab_check_object(s, object);
	if (!red_zone_is(s, object, RED_INUSE))
		fault_written(s, object, "write past the end");
	set_red_zone(s, object, RED_FREE);
	poison_free(s, object);
	note_user(s, object, TRACK_FREE, caller);
}
