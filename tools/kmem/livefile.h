/* SPDX-License-Identifier: MIT */
/*
 * A slabinfo file that is kept up to date while others read it.
 *
 * A reader of /proc/slabinfo opens it once, then seeks to its start and reads on; one row with too
 * few fields ends slabtop. So the file is never renamed, cut off or shifted. A row keeps its place,
 * and only the digits that differ are written, in an order in which each row has its fields at any
 * moment:
 *
 *  - The columns that change are ten wide, more than the kernel's six, so that no row outgrows its
 *    place. Readers split at spaces and take either.
 *  - A figure that loses digits keeps zeros in their place; see replace().
 *  - No row crosses a boundary of 4 KiB: the last one before it has a wider name column. A reader
 *    takes a file in such pieces, and it grows in such pieces, so each row is there whole or not.
 *  - A cache that is gone leaves a row of zeros, for the next new one whose name is as long.
 */
#ifndef KMEM_LIVEFILE_H
#define KMEM_LIVEFILE_H

#include <stddef.h>

struct livefile;

/* Of an open file, which is emptied. Dies without memory. */
struct livefile *livefile_open(int fd);
void livefile_close(struct livefile *file); /* leaves the descriptor open */

/*
 * Makes the file say what @text does: a whole slabinfo, with its two headers. 0, or the errno of
 * the refused write, or EINVAL when @text is no slabinfo.
 */
int livefile_update(struct livefile *file, const char *text);

#endif
