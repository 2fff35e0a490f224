/* SPDX-License-Identifier: MIT */
/* What `kmem slabinfo` prints, in memory. */
#ifndef KMEM_SLABINFO_TEXT_H
#define KMEM_SLABINFO_TEXT_H

#include "view.h"

/* The whole slabinfo of a target as it is now; to be freed. */
char *slabinfo_text(struct target *t);

#endif
