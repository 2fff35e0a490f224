/* SPDX-License-Identifier: MIT */
/*
 * Failures on purpose, as the kernel's fault injection has them (struct fault_attr,
 * Documentation/fault-injection): what fails, and when, is an option of the form
 * INTERVAL,PROBABILITY,SPACE,TIMES. Once what was asked for comes to SPACE, every INTERVALth
 * request fails with PROBABILITY percent, TIMES times at most (-1: no limit). What is left out at
 * the end is 1,100,0,-1.
 *
 * The same requests fail in every run.
 */
#ifndef KMEM_FAULT_ATTR_H
#define KMEM_FAULT_ATTR_H

#include "options.h"

/* Set by an option, at the start; what changes later is shared by all threads. */
struct fault_attr {
	bool enabled;
	unsigned long interval, probability;
	long space;	     /* that is left; relaxed atomics from here on */
	long times;	     /* failures still to come, < 0: without end */
	unsigned long count; /* requests beyond the space */
};

/* The value of the option; -EINVAL for one that makes no sense, which changes nothing. */
int fault_attr_set(struct fault_attr *attr, const char *value, size_t len);

/* Whether this request, of @size in the unit of the space, is to fail; of one that is enabled. */
bool fault_attr_fails(struct fault_attr *attr, long size);

static inline bool should_fail(struct fault_attr *attr, long size)
{
	return unlikely(attr->enabled) && fault_attr_fails(attr, size);
}

#endif
