/* SPDX-License-Identifier: MIT */
/* What caches look like from outside, by the public names. See kmem/slabinfo.h. */
#include <kmem/slabinfo.h>

#include "slabinfo.h"

int kmem_slabinfo_write(int fd)
{
	char buf[4096];
	struct out out;

	out_init(&out, fd, buf, sizeof(buf));
	slabinfo_print(&out);
	return out_flush(&out);
}
