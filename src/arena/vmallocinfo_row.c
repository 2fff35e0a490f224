/* SPDX-License-Identifier: MIT */
/*
 * The format of vmallocinfo, and nothing of the library's state: whoever reads a process from
 * outside prints the same text with it.
 */
#include <string.h>

#include "vma.h"

/*
 * The kernel has the calling function here, one word: so the library's own names lose their first.
 */
static void print_caller(struct out *out, const struct vm_area_struct *vma)
{
	if (vma->vm_caller)
		out_printf(out, " 0x%lx", (unsigned long)vma->vm_caller);
	else
		out_printf(out, " %s", vma->vm_name ? vma->vm_name + strlen("kmem ") : "-");
}

static const char *kind(const struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_ACCESS))
		return "reserved";
	return vma->vm_block ? "vmalloc" : "user";
}

void vmallocinfo_print_row(struct out *out, const struct vm_area_struct *vma)
{
	out_printf(out, "0x%016lx-0x%016lx %7lu", vma->vm_start, vma->vm_end,
		   vma->vm_end - vma->vm_start);
	print_caller(out, vma);
	out_printf(out, " pages=%lu %s\n", vma_pages(vma), kind(vma));
}
