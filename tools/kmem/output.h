/* SPDX-License-Identifier: MIT */
/* Standard output by the library's own formatter, whose rows the tool prints. */
#ifndef KMEM_OUTPUT_H
#define KMEM_OUTPUT_H

#include "format.h"

struct output {
	struct out out;
	char buf[4096];
};

void output_begin(struct output *o);

/* Writes what is left; dies when standard output could not take it all. */
void output_end(struct output *o);

#endif
