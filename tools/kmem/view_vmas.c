/* SPDX-License-Identifier: MIT */
/* See view.h: the record of mappings. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define OWN_NAMES "kmem " /* what all names of the library begin with */

static struct vma_view *new_view(struct vmas *vmas)
{
	/* The room doubles. */
	if ((vmas->nr & (vmas->nr - 1)) == 0)
		vmas->vma = xrealloc(vmas->vma, vmas->nr ? 2 * vmas->nr : 1, sizeof(*vmas->vma));
	return &vmas->vma[vmas->nr];
}

/* Whether @vma can be what @from points at, after an area that ends at @end. */
static bool makes_sense(const struct target *t, const struct vm_area_struct *vma,
			const struct vm_area_struct *from, unsigned long end)
{
	return vma->vm_prev == from && vma->vm_mm == t->root.mm && vma->vm_start >= end &&
	       vma->vm_end > vma->vm_start;
}

/* Follows the list, whose addresses only grow; false when it changed on the way. */
static bool walk(struct target *t, struct vmas *vmas)
{
	const struct vm_area_struct *from = NULL, *at;
	unsigned long end = 0;

	vmas->nr = 0;
	target_need_struct(t, t->root.mm, &vmas->mm, "the record of mappings");
	for (at = vmas->mm.mmap; at; at = vmas->vma[vmas->nr - 1].vma.vm_next) {
		struct vma_view *view = new_view(vmas);

		if (!target_read_struct(t, at, &view->vma) ||
		    !makes_sense(t, &view->vma, from, end))
			return false;
		end = view->vma.vm_end;
		from = at;
		vmas->nr++;
	}
	return vmas->nr == (size_t)vmas->mm.map_count;
}

/* False when there is one that cannot be read. */
static bool read_name(struct target *t, struct vma_view *view)
{
	const char *name = view->vma.vm_name;

	view->vma.vm_name = NULL;
	if (!name)
		return true;
	if (!target_read_string(t, (uintptr_t)name, view->name, sizeof(view->name)) ||
	    strncmp(view->name, OWN_NAMES, strlen(OWN_NAMES)) != 0)
		return false;
	view->vma.vm_name = view->name;
	return true;
}

void vmas_read(struct target *t, struct vmas *vmas)
{
	size_t i, nr_nameless = 0;
	unsigned int try;

	*vmas = (struct vmas){ .vma = NULL };
	for (try = 0; try < VIEW_TRIES && !walk(t, vmas); try++)
		;
	if (try == VIEW_TRIES)
		target_note_change(t, "the record of mappings: %zu of %d areas seen", vmas->nr,
				   vmas->mm.map_count);
	for (i = 0; i < vmas->nr; i++)
		nr_nameless += !read_name(t, &vmas->vma[i]);
	if (nr_nameless)
		target_note_change(t, "the names of %zu areas", nr_nameless);
}

void vmas_free(struct vmas *vmas)
{
	free(vmas->vma);
	*vmas = (struct vmas){ .vma = NULL };
}
