/* SPDX-License-Identifier: MIT */
/*
 * kmem/vma.h - the address space: what the library has mapped, and mapping more. Part of kmem/mm.h.
 *
 * There is one struct mm_struct, with a struct vm_area_struct for every mapping that the library
 * made: sections of pages, large areas, its own metadata, and what do_mmap() maps for its callers.
 * It is the record that the allocator itself works with. What others map with mmap(2), programs and
 * libc and the loader, is not in it.
 *
 * Areas are ordered by address, never overlap, and are merged with their neighbours when all of
 * what they say is the same; an area that the library made merges within its section or block only.
 *
 * Stability. Any thread that allocates may change the record, since a heap that grows is more
 * memory put online. Between mmap_read_lock() and mmap_read_unlock() nothing changes. Without the
 * lock a struct vm_area_struct may be changed, or used for another area, at any moment; reading it
 * is safe always, since descriptors are never unmapped. With one thread it stays as it is until the
 * thread itself allocates, frees, maps or unmaps.
 *
 * With the lock held, allocate nothing: what the thread's own sheaves cannot serve is refused with
 * ENOMEM, since finding more would wait for other locks in the wrong order. Hold it shortly: all
 * other threads' large allocations wait. fork() lets go of it for a moment: look up again, in
 * parent and child, what was looked up before.
 *
 * All functions may be called from any thread, and in a child of fork, which inherits the record
 * with the mappings. In a signal handler that interrupted a change of the record they find nothing,
 * and change nothing (-EAGAIN).
 */
#ifndef KMEM_PUBLIC_VMA_H
#define KMEM_PUBLIC_VMA_H

#include <kmem/gfp.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* vm_flags. None of the first three: addresses reserved, or a guard. */
#define VM_NONE	     0x0ul
#define VM_READ	     0x1ul
#define VM_WRITE     0x2ul
#define VM_EXEC	     0x4ul
#define VM_SHARED    0x8ul	/* mapped MAP_SHARED */
#define VM_LOCKED    0x2000ul	/* mapped MAP_LOCKED */
#define VM_NORESERVE 0x200000ul /* mapped MAP_NORESERVE, as all of the library's own is */

struct file; /* a file descriptor in disguise: fget() */

/* Read only. The fields up to vm_name have the kernel's meaning. */
struct vm_area_struct {
	unsigned long vm_start;			  /* the first address */
	unsigned long vm_end;			  /* the first address behind it */
	struct vm_area_struct *vm_next, *vm_prev; /* by address; NULL at either end */
	struct {
		struct vm_area_struct *rbe_left, *rbe_right, *rbe_parent;
		int rbe_color;
	} vm_rb; /* a node of mm_rb, ordered by address */
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	unsigned long vm_pgoff; /* of a file's mapping: where in the file it starts, in pages */
	struct file *vm_file;	/* as it was given to do_mmap(); NULL: anonymous memory */
	const char *vm_name;	/* as in /proc/PID/maps; NULL: none yet */
	unsigned long vm_block; /* start of the section, area or chunk it is of; 0: do_mmap()'s */
	void *vm_caller; /* do_mmap(): the code that called it; merged areas: the first one */
};

struct mm_struct {
	struct vm_area_struct *mmap; /* the area with the lowest address, or NULL */
	struct vma_tree {
		struct vm_area_struct *rbh_root;
	} mm_rb;
	int map_count;		   /* areas */
	unsigned long total_vm;	   /* pages in areas */
	unsigned long hiwater_vm;  /* the most that total_vm ever was */
	unsigned long data_vm;	   /* of these, private and writable */
	unsigned long reserved_vm; /* of these, without any access: reserved and guards */
	unsigned long locked_vm;   /* of these, mapped MAP_LOCKED */
	unsigned long mmap_base;   /* do_mmap() looks for holes below it; 0: not yet asked */
};

/* The library's address space. Kernel: current->mm, and init_mm. Also see kmem/current.h. */
struct mm_struct *current_mm(void) KMEM_SYMBOL(current_mm);
#define init_mm (*current_mm())

/* ---- Looking ---- */

/*
 * The lock round all that looks at areas. Nests in one thread. There is one lock for readers and
 * writers: two readers wait for each other. Kernel: the same names, down_read(&mm->mmap_sem)
 * before.
 */
void mmap_read_lock(struct mm_struct *mm) KMEM_SYMBOL(mmap_read_lock);
void mmap_read_unlock(struct mm_struct *mm) KMEM_SYMBOL(mmap_read_unlock);
void mmap_write_lock(struct mm_struct *mm) KMEM_SYMBOL(mmap_write_lock);
void mmap_write_unlock(struct mm_struct *mm) KMEM_SYMBOL(mmap_write_unlock);

/*
 * The first area whose end is above @addr, which need not contain it; NULL behind the last one.
 * Takes the lock itself, if the caller does not hold it. Kernel: find_vma().
 */
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr) KMEM_SYMBOL(find_vma);

/* The same, and in *@prev the area before it, or the last of all; NULL if there is none. */
struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **prev) KMEM_SYMBOL(find_vma_prev);

/* The first area that shares an address with [@start, @end), or NULL. */
struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end) KMEM_SYMBOL(find_vma_intersection);

/* The area that contains @addr, or NULL. */
static inline struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr ? vma : NULL;
}

/* Length in pages of 4096 bytes. */
static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> 12;
}

/*
 * A walk in the order of addresses:
 *
 *	VMA_ITERATOR(vmi, mm, 0);
 *	for_each_vma(vmi, vma)
 *		...
 *
 * Each step looks for the first area above the end of the last: so a walk need not hold the lock,
 * may allocate and map, and sees each area at most once. The kernel's form, and the older one that
 * follows vm_next from mm->mmap on (with the lock held), work both.
 */
struct vma_iterator {
	struct mm_struct *mm;
	unsigned long addr; /* where to look next */
};

#define VMA_ITERATOR(name, mm, addr)	   struct vma_iterator name = { (mm), (addr) }
#define for_each_vma(vmi, vma)		   while (((vma) = vma_next(&(vmi))) != NULL)
#define for_each_vma_range(vmi, vma, last) while (((vma) = vma_find(&(vmi), (last))) != NULL)

/* The next area of the walk, or NULL. */
struct vm_area_struct *vma_next(struct vma_iterator *vmi) KMEM_SYMBOL(vma_next);

/* The same, among those that start below @max. */
struct vm_area_struct *vma_find(struct vma_iterator *vmi, unsigned long max) KMEM_SYMBOL(vma_find);

/*
 * Pages of the library's mappings that are in memory now. It asks the OS about every accessible
 * page (mincore(2)): about half a millisecond for each GiB. Pages that a child shares with its
 * parent count in both, pages of a mapped file when the OS has them in its cache. The whole process
 * has more: see /proc/self/statm. Kernel: get_mm_rss().
 */
unsigned long get_mm_rss(struct mm_struct *mm) KMEM_SYMBOL(get_mm_rss);

/*
 * Writes a line for each area to @fd, in the shape of /proc/vmallocinfo: range, bytes, who made it,
 * pages, and what it is. 0, or a negative errno of the first write that failed.
 */
int vmallocinfo_print(int fd) KMEM_SYMBOL(vmallocinfo_print);

/* ---- Mapping ---- */

/* Errors come as addresses in the last page. */
#define MAX_ERRNO	4095
#define IS_ERR_VALUE(x) ((unsigned long)(x) >= (unsigned long)-MAX_ERRNO)

/* A file descriptor as do_mmap() takes it; a negative one is no file. There is nothing to put. */
static inline struct file *fget(int fd)
{
	return (struct file *)((unsigned long)fd + 1);
}

static inline void fput(struct file *file)
{
	(void)file;
}

/*
 * Maps @len bytes (rounded up to pages) and returns their address, or a negative errno as an
 * unsigned long: see IS_ERR_VALUE(). @prot and @flag are those of mmap(2). Neighbours that are
 * alike are merged. Kernel: do_mmap() of 2.4 and 2.6; later ones take more arguments.
 *
 * @file	NULL: anonymous memory, with or without MAP_ANONYMOUS. fget(fd): that file, from the
 *		byte @offset on, a multiple of the page size. Areas of files are never merged.
 * @addr Where, with MAP_FIXED or MAP_FIXED_NOREPLACE; else a hint, taken if there is room. 0:
 *		the highest hole below mm->mmap_base that is large enough.
 *
 * MAP_FIXED replaces what do_mmap() itself mapped there, and nothing else.
 *
 *	-EINVAL		@len is 0; unknown @prot or @flag; neither or both of MAP_PRIVATE and
 *			MAP_SHARED; a fixed @addr or an @offset that is no multiple of a page
 *	-EOVERFLOW	@offset + @len
 *	-ENOMEM		no room, a limit, or no memory for the record
 *	-EEXIST		a fixed @addr where there is something that is not do_mmap()'s
 *	-EPERM		the same, and it is the allocator's
 *	others		as mmap(2): -EACCES, -EBADF, -ENODEV, -EAGAIN
 *
 * Refused (-EINVAL), since the OS would change them by itself: MAP_GROWSDOWN, MAP_HUGETLB.
 */
unsigned long do_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flag, unsigned long offset) KMEM_SYMBOL(do_mmap);

/*
 * Unmaps [@start, @start + @len), @len rounded up to pages: areas are trimmed, split and removed.
 * What is not in the record stays. 0, also when there was nothing; or
 *
 *	-EINVAL	@start is not a multiple of the page size, @len is 0, or the end is past all of them
 *	-EPERM	some of it is the allocator's own: its memory is given back by freeing it
 *	-ENOMEM	no memory for the second half of a split area
 *
 * Refused, nothing has changed, but where others' mappings lie between several areas and the OS
 * refused a later one of them: then those before it are gone, from the OS as from the record.
 */
int do_munmap(struct mm_struct *mm, unsigned long start, size_t len) KMEM_SYMBOL(do_munmap);

/* The same two, by the names that take the lock themselves in the kernel. Here all four do. */
unsigned long vm_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flag, unsigned long offset) KMEM_SYMBOL(vm_mmap);
int vm_munmap(unsigned long start, size_t len) KMEM_SYMBOL(vm_munmap);

#ifdef __cplusplus
}
#endif

#endif
