/* SPDX-License-Identifier: MIT */
/*
 * failslab=interval,probability,space,times: allocations from SLAB_FAILSLAB caches fail on purpose,
 * in the manner of the kernel's fault injection: once `space` bytes were handed out, every
 * interval-th request fails with `probability` percent, `times` times at most (-1: no limit). Other
 * caches never do, which is the kernel's cache-filter; its other filter is not wanted in a process,
 * where nearly all requests may wait.
 */
#include <errno.h>

#include "slab_debug.h"

#define NR_FIELDS 4

static struct {
	bool enabled;
	long interval, probability;
	long space; /* atomic, as all below: bytes that are left */
	long times;
	unsigned long calls;
} failslab;

static int set_failslab(const char *value, size_t len)
{
	long field[NR_FIELDS];
	size_t start = 0, i, end;

	for (i = 0; i < NR_FIELDS; i++, start = end + 1) {
		for (end = start; end < len && value[end] != ','; end++)
			;
		if (start > len || option_number(value + start, end - start, &field[i]) < 0)
			return -EINVAL;
	}
	if (start <= len || field[0] < 1 || field[1] < 0 || field[1] > 100 || field[2] < 0)
		return -EINVAL;
	failslab.interval = field[0];
	failslab.probability = field[1];
	failslab.space = field[2];
	failslab.times = field[3];
	failslab.enabled = field[3] != 0;
	return 0;
}

static const struct boot_param params[] = {
	{ "failslab", set_failslab },
};

const struct boot_params failslab_params = { params, ARRAY_SIZE(params) };

bool failslab_enabled(void)
{
	return failslab.enabled;
}

static bool take_one_time(void)
{
	long left = READ_ONCE(failslab.times);

	while (left > 0 && !__atomic_compare_exchange_n(&failslab.times, &left, left - 1, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return left != 0;
}

/* The same requests fail in every run. */
static unsigned long scramble(unsigned long x)
{
	x *= 0x9e3779b97f4a7c15UL;
	x ^= x >> 32;
	return x * 0xd6e8feb86659fd93UL >> 32;
}

bool should_failslab(const struct kmem_cache *s, gfp_t gfp)
{
	unsigned long call;

	if (likely(!failslab.enabled) || !(s->flags & SLAB_FAILSLAB) || (gfp & __GFP_NOFAIL))
		return false;
	if (READ_ONCE(failslab.space) > 0) {
		__atomic_fetch_sub(&failslab.space, (long)s->object_size, __ATOMIC_RELAXED);
		return false;
	}
	call = __atomic_add_fetch(&failslab.calls, 1, __ATOMIC_RELAXED);
	if (call % (unsigned long)failslab.interval)
		return false;
	return scramble(call) % 100 < (unsigned long)failslab.probability && take_one_time();
}
