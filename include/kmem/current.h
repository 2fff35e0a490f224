/* SPDX-License-Identifier: MIT */
/*
 * kmem/current.h - `current->mm`, for code that says so.
 *
 * A header of its own, since `current` is a word that many programs use otherwise.
 */
#ifndef KMEM_PUBLIC_CURRENT_H
#define KMEM_PUBLIC_CURRENT_H

#include <kmem/vma.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the kernel's task only what a process has here: its address space. */
struct task_struct {
	struct mm_struct *mm;
};

static inline struct task_struct *get_current(void)
{
	static struct task_struct task;

	__atomic_store_n(&task.mm, current_mm(), __ATOMIC_RELAXED);
	return &task;
}

#define current get_current()

#ifdef __cplusplus
}
#endif

#endif
