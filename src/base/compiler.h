/* SPDX-License-Identifier: MIT */
/*
 * What the compiler has to be told, in the kernel's words.
 *
 * CONFIG_CHECK is the one build switch: 1 in checked builds, where assertions, lock ranks and the
 * validity walkers are compiled in. It is always defined, so code says `if (CONFIG_CHECK)` and both
 * branches are always compiled.
 */
#ifndef KMEM_COMPILER_H
#define KMEM_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)
#define __noinline     __attribute__((noinline))
#define __cold	       __attribute__((cold, noinline))
#define __unused       __attribute__((unused))
#define __must_check   __attribute__((warn_unused_result))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define CACHE_LINE     64
#define __aligned(n)   __attribute__((aligned(n)))
#define __export       __attribute__((visibility("default")))
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Orders the compiler, not the processor: enough against a signal handler of the same thread. */
#define barrier()	 __atomic_signal_fence(__ATOMIC_SEQ_CST)

/*
 * A word that its owner writes plainly and others may look at (statistics, fork). The relaxed
 * atomics compile to the plain instructions and say to reader and race detector what is meant.
 */
#define READ_ONCE(x)	 __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

/*
 * Exchanges a word that only this thread and its signal handlers touch: one instruction, so that no
 * handler falls between, but without the lock prefix that other processors would need.
 */
static __always_inline uintptr_t local_exchange(uintptr_t *word, uintptr_t new)
{
#if defined(__x86_64__)
	uintptr_t old = READ_ONCE(*word);

	__asm__ volatile("1: cmpxchgq %[new], %[word]\n\tjne 1b"
			 : [word] "+m"(*word), "+a"(old)
			 : [new] "r"(new)
			 : "memory", "cc");
	return old;
#else
	return __atomic_exchange_n(word, new, __ATOMIC_RELAXED);
#endif
}

#define smp_load_acquire(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)		__atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#endif
