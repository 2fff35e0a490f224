/* SPDX-License-Identifier: MIT */
/*
 * Bit arithmetic: logarithms, rounding, and bitmaps of unsigned longs.
 *
 * A bitmap here is an array of 64-bit words, bit n in word n / 64. The range functions work a word
 * at a time; none is atomic: the bitmap's lock is the caller's affair.
 */
#ifndef KMEM_BITS_H
#define KMEM_BITS_H

#include "compiler.h"

#define BITS_PER_LONG 64
_Static_assert(sizeof(unsigned long) == 8, "libkmem is for 64-bit machines");

/* Index of the lowest set bit; undefined for 0. */
static inline unsigned int __ffs(unsigned long x)
{
	return (unsigned int)__builtin_ctzl(x);
}

/* Index of the highest set bit; undefined for 0. */
static inline unsigned int __fls(unsigned long x)
{
	return 63u - (unsigned int)__builtin_clzl(x);
}

static inline bool is_power_of_2(unsigned long x)
{
	return x && !(x & (x - 1));
}

/* Rounding to a multiple of @a, a power of two. */
static inline unsigned long align_up(unsigned long x, unsigned long a)
{
	return (x + a - 1) & ~(a - 1);
}

static inline unsigned long align_down(unsigned long x, unsigned long a)
{
	return x & ~(a - 1);
}

static inline uint32_t ror32(uint32_t x, unsigned int n)
{
	return x >> (n & 31) | x << (-n & 31);
}

static inline unsigned long min_ul(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

static inline unsigned long max_ul(unsigned long a, unsigned long b)
{
	return a > b ? a : b;
}

/*
 * What times the odd number @n is 1, of the lowest 32 bits. Each step doubles the bits that are
 * right.
 */
static inline uint32_t inverse_of_odd(uint32_t n)
{
	uint32_t inverse = n; /* three bits */
	unsigned int bits;

	for (bits = 3; bits < 32; bits *= 2)
		inverse *= 2 - n * inverse;
	return inverse;
}

/* The bits of word @w that fall in [first, end); both counted from the start of the bitmap. */
static inline unsigned long bitmap_word_mask(unsigned int w, unsigned int first, unsigned int end)
{
	unsigned int lo = w * BITS_PER_LONG, hi = lo + BITS_PER_LONG;
	unsigned long mask = ~0UL;

	if (first > lo)
		mask &= ~0UL << (first - lo);
	if (end < hi)
		mask &= ~0UL >> (hi - end);
	return mask;
}

/* Of the first word and of the last only a part. */
static __always_inline void bitmap_fill(unsigned long *map, unsigned int first, unsigned int n,
					bool set)
{
	unsigned int w = first / BITS_PER_LONG, last = (first + n - 1) / BITS_PER_LONG;
	unsigned long part = ~0UL << (first % BITS_PER_LONG);

	if (!n)
		return;
	for (; w < last; w++, part = ~0UL)
		WRITE_ONCE(map[w], set ? map[w] | part : map[w] & ~part);
	part &= ~0UL >> (-(first + n) % BITS_PER_LONG);
	WRITE_ONCE(map[w], set ? map[w] | part : map[w] & ~part);
}

static inline void bitmap_set(unsigned long *map, unsigned int first, unsigned int n)
{
	bitmap_fill(map, first, n, true);
}

static inline void bitmap_clear(unsigned long *map, unsigned int first, unsigned int n)
{
	bitmap_fill(map, first, n, false);
}

static __always_inline bool bitmap_has(const unsigned long *map, unsigned int bit)
{
	return READ_ONCE(map[bit / BITS_PER_LONG]) >> (bit % BITS_PER_LONG) & 1;
}

/*
 * Sets bit @bit, modulo a word's bits, of *@word, a local variable. Whether it was set before: that
 * is a flag of the processor's, which no expression makes the compiler use.
 */
static __always_inline bool set_bit_of(unsigned long *word, unsigned long bit)
{
#if defined(__x86_64__)
	bool was;

	__asm__("bts %[bit], %[word]" : [word] "+r"(*word), "=@ccc"(was) : [bit] "r"(bit));
	return was;
#else
	unsigned long before = *word;

	*word |= 1UL << (bit % BITS_PER_LONG);
	return *word == before;
#endif
}

/*
 * Set bits of a word, without the call that takes the place of an instruction not every processor
 * has.
 */
static inline unsigned int hweight_long(unsigned long word)
{
	const unsigned long ones = ~0UL / 255;

	word -= word >> 1 & ones * 0x55;
	word = (word & ones * 0x33) + (word >> 2 & ones * 0x33);
	word = (word + (word >> 4)) & ones * 0x0f;
	return (unsigned int)(word * ones >> (BITS_PER_LONG - 8));
}

/* How many bits of [first, first + n) are set: of a word all or none, as a rule. */
static inline unsigned int bitmap_weight(const unsigned long *map, unsigned int first,
					 unsigned int n)
{
	unsigned int end = first + n, w, sum = 0;

	for (w = first / BITS_PER_LONG; w * BITS_PER_LONG < end; w++) {
		unsigned long mask = bitmap_word_mask(w, first, end);
		unsigned long set = READ_ONCE(map[w]) & mask;

		if (!set)
			continue;
		sum += set == mask ? __fls(mask) - __ffs(mask) + 1 : hweight_long(set);
	}
	return sum;
}

/* Sets @n bits, at most a word of them, from @first on. */
static __always_inline void bitmap_set_run(unsigned long *map, unsigned int first, unsigned int n)
{
	unsigned long run = ~0UL >> (BITS_PER_LONG - n);
	unsigned int bit = first % BITS_PER_LONG;

	map += first / BITS_PER_LONG;
	WRITE_ONCE(map[0], map[0] | run << bit);
	if (bit + n > BITS_PER_LONG)
		WRITE_ONCE(map[1], map[1] | run >> (BITS_PER_LONG - bit));
}

/* The first bit of [first, end) that is set (@set) or clear (!@set); @end when there is none. */
static inline unsigned int bitmap_next(const unsigned long *map, bool set, unsigned int first,
				       unsigned int end)
{
	for (; first < end; first = (first | (BITS_PER_LONG - 1)) + 1) {
		unsigned long word = READ_ONCE(map[first / BITS_PER_LONG]);

		word = (set ? word : ~word) >> (first % BITS_PER_LONG);
		if (word)
			return (unsigned int)min_ul(first + __ffs(word), end);
	}
	return end;
}

#endif
