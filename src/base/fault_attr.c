/* SPDX-License-Identifier: MIT */
/* See fault_attr.h. */
#include "fault_attr.h"

#include <errno.h>

#include "bits.h"

int fault_attr_set(struct fault_attr *attr, const char *value, size_t len)
{
	long field[4] = { 1, 100, 0, -1 };
	size_t i = 0, start = 0, pos;

	for (pos = 0; pos <= len; pos++) {
		if (pos < len && value[pos] != ',')
			continue;
		if (i == ARRAY_SIZE(field) ||
		    option_number(value + start, pos - start, &field[i]) < 0)
			return -EINVAL;
		i++;
		start = pos + 1;
	}
	if (field[0] < 1 || field[1] < 0 || field[1] > 100 || field[2] < 0)
		return -EINVAL;
	*attr = (struct fault_attr){
		.enabled = field[3] != 0,
		.interval = (unsigned long)field[0],
		.probability = (unsigned long)field[1],
		.space = field[2],
		.times = field[3],
	};
	return 0;
}

/* As good as random (the finaliser of splitmix64). */
static unsigned long scramble(unsigned long x)
{
	x += 0x9e3779b97f4a7c15UL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return x ^ (x >> 31);
}

static bool take_one_time(struct fault_attr *attr)
{
	long left = READ_ONCE(attr->times);

	while (left > 0 && !__atomic_compare_exchange_n(&attr->times, &left, left - 1, false,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return left != 0;
}

bool fault_attr_fails(struct fault_attr *attr, long size)
{
	unsigned long nr;

	if (READ_ONCE(attr->space) > 0) {
		__atomic_fetch_sub(&attr->space, size, __ATOMIC_RELAXED);
		return false;
	}
	nr = __atomic_add_fetch(&attr->count, 1, __ATOMIC_RELAXED);
	return nr % attr->interval == 0 && scramble(nr) % 100 < attr->probability &&
	       take_one_time(attr);
}
