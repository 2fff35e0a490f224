/* SPDX-License-Identifier: MIT */
/* Bit arithmetic against the naive way to say the same: one bit, one step at a time. */
#include <string.h>

#include "bits.h"
#include "unit.h"

#define NR_BITS 320u

static bool bit_of(const unsigned long *map, unsigned int n)
{
	return map[n / 64] >> (n % 64) & 1;
}

static void test_logarithms(void **state)
{
	uint64_t rng = unit_seed(1);
	unsigned int i, low, high;

	(void)state;
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(__ffs(1UL << i), i);
		EXPECT_EQ(__fls(1UL << i), i);
		EXPECT_EQ(__ffs(~0UL << i), i);
		EXPECT_EQ(__fls(~0UL >> (63 - i)), i);
	}
	for (i = 0; i < 10000; i++) {
		unsigned long x = unit_random(&rng) >> unit_below(&rng, 64);

		if (!x)
			continue;
		for (low = 0; !(x >> low & 1); low++)
			;
		for (high = 63; !(x >> high & 1); high--)
			;
		EXPECT_EQ(__ffs(x), low);
		EXPECT_EQ(__fls(x), high);
	}
}

static void test_powers(void **state)
{
	unsigned long x, a, n;
	unsigned int i;

	(void)state;
	for (x = 0; x < 5000; x++) {
		for (n = 0, i = 0; i < 13; i++)
			n += x == 1UL << i;
		EXPECT_EQ(is_power_of_2(x), n);
	}
	EXPECT(is_power_of_2(1UL << 63));
	EXPECT(!is_power_of_2(~0UL));
	for (a = 1; a <= 64; a *= 2)
		for (x = 0; x < 300; x++) {
			EXPECT_EQ(align_up(x, a), (x + a - 1) / a * a);
			EXPECT_EQ(align_down(x, a), x / a * a);
		}
	EXPECT_EQ(align_down(~0UL, 4096), ~0UL - 4095);
	EXPECT_EQ(align_up(1UL << 46, 1UL << 40), 1UL << 46);
}

static void test_min_max(void **state)
{
	(void)state;
	EXPECT_EQ(min_ul(3, 5), 3);
	EXPECT_EQ(min_ul(5, 3), 3);
	EXPECT_EQ(max_ul(3, 5), 5);
	EXPECT_EQ(max_ul(5, 3), 5);
	EXPECT_EQ(min_ul(0, ~0UL), 0);
	EXPECT_EQ(max_ul(0, ~0UL), ~0UL);
}

/* Every range of a bitmap of five words: set, clear, weight, and nothing beside it. */
static void test_every_range(void **state)
{
	uint64_t rng = unit_seed(2);
	unsigned long random[NR_BITS / 64], map[NR_BITS / 64];
	unsigned int first, n, i, sum, stride = unit_on_valgrind() ? 7 : 1;

	(void)state;
	/* words that are full and empty, and any else */
	for (i = 0; i < NR_BITS / 64; i++)
		random[i] = i < 2 ? i - 1UL : unit_random(&rng);
	for (first = 0; first <= NR_BITS; first += stride) {
		for (sum = 0, n = 0; first + n <= NR_BITS; n++) {
			EXPECT_EQ(bitmap_weight(random, first, n), sum);
			if (n % 3 == 0) {
				memcpy(map, random, sizeof(map));
				bitmap_set(map, first, n);
				for (i = 0; i < NR_BITS; i++)
					EXPECT_EQ(bit_of(map, i), (i >= first && i < first + n) ||
									  bit_of(random, i));
				memcpy(map, random, sizeof(map));
				bitmap_clear(map, first, n);
				for (i = 0; i < NR_BITS; i++)
					EXPECT_EQ(bit_of(map, i), !(i >= first && i < first + n) &&
									  bit_of(random, i));
			}
			if (first + n < NR_BITS)
				sum += bit_of(random, first + n);
		}
	}
}

/* A bit of a word, counted modulo its bits, and what it was before. */
static void test_bit_of(void **state)
{
	uint64_t rng = unit_seed(4);
	unsigned long bit;

	(void)state;
	for (bit = 0; bit < 3 * BITS_PER_LONG; bit++) {
		unsigned long mask = 1UL << (bit % BITS_PER_LONG), random = unit_random(&rng), word;

		word = random | mask;
		EXPECT(set_bit_of(&word, bit));
		EXPECT_EQ(word, random | mask);
		word = random & ~mask;
		EXPECT(!set_bit_of(&word, bit));
		EXPECT_EQ(word, random | mask);
	}
}

/* A run of up to a word, as bitmap_set() does it; not a bit behind the map is looked at. */
static void test_every_run(void **state)
{
	unsigned long map[NR_BITS / 64], same[NR_BITS / 64];
	unsigned int first, n;

	(void)state;
	for (n = 1; n <= 64; n++)
		for (first = 0; first + n <= NR_BITS; first++) {
			memset(map, 0, sizeof(map));
			memset(same, 0, sizeof(same));
			bitmap_set_run(map, first, n);
			bitmap_set(same, first, n);
			EXPECT(memcmp(map, same, sizeof(map)) == 0);
		}
}

static unsigned int naive_next(const unsigned long *map, bool set, unsigned int first,
			       unsigned int end)
{
	while (first < end && bit_of(map, first) != set)
		first++;
	return first;
}

static void test_next(void **state)
{
	uint64_t rng = unit_seed(3);
	unsigned long map[NR_BITS / 64];
	unsigned int round, rounds = unit_steps(40), first, end, i;

	(void)state;
	for (round = 0; round < rounds; round++) {
		memset(map, round & 1 ? 0xff : 0, sizeof(map));
		/* from nearly uniform to dense */
		for (i = 0; i < round; i++) {
			unsigned int n = unit_below(&rng, NR_BITS);

			map[n / 64] ^= 1UL << (n % 64);
		}
		for (first = 0; first < NR_BITS; first += 3)
			for (end = first; end <= NR_BITS; end += 5) {
				EXPECT_EQ(bitmap_next(map, true, first, end),
					  naive_next(map, true, first, end));
				EXPECT_EQ(bitmap_next(map, false, first, end),
					  naive_next(map, false, first, end));
			}
	}
}

static void test_word_mask(void **state)
{
	unsigned int w, first, end, i;

	(void)state;
	for (first = 0; first < 192; first += 5)
		for (end = first + 1; end <= 192; end += 3)
			for (w = first / 64; w * 64 < end; w++) {
				unsigned long mask = bitmap_word_mask(w, first, end);

				for (i = 0; i < 64; i++)
					EXPECT_EQ(mask >> i & 1,
						  w * 64 + i >= first && w * 64 + i < end);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logarithms), cmocka_unit_test(test_powers),
		cmocka_unit_test(test_min_max),	   cmocka_unit_test(test_every_range),
		cmocka_unit_test(test_bit_of),	   cmocka_unit_test(test_every_run),
		cmocka_unit_test(test_next),	   cmocka_unit_test(test_word_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
