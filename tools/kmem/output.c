/* SPDX-License-Identifier: MIT */
/* See output.h. */
#include "output.h"

#include <string.h>
#include <unistd.h>

#include "tool.h"

void output_begin(struct output *o)
{
	out_init(&o->out, STDOUT_FILENO, o->buf, sizeof(o->buf));
}

void output_end(struct output *o)
{
	int err = out_flush(&o->out);

	if (err)
		die(KMEM_FAILED, "cannot write: %s", strerror(-err));
}
