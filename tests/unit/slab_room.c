/* SPDX-License-Identifier: MIT */
/* Which of many shared slabs, used in part, an object comes from. */
#include "unit_run.h"

static char *take_one(size_t size)
{
	char *object = take(0, size);

	EXPECT(object != NULL);
	return object;
}

/* What has as little room as may be enough is taken from first, wherever it was. */
static void test_least_room_first(void **state)
{
	char *a[4], *b[5], *again, *small[3];
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++)
		a[i] = take_one(56 * UNIT_BYTES);
	for (i = 0; i < 4; i++)
		b[i] = take_one(56 * UNIT_BYTES);
	b[4] = take_one(32 * UNIT_BYTES);
	EXPECT(slab_of(a[3]) != slab_of(b[0]) && slab_of(b[4]) == slab_of(b[0]));
	/* there are 32 units left in the first, and none in the other until now */
	give(0, b[0]);
	give(0, b[1]);
	EXPECT_EQ(units(0)->nr_partial, 2);
	again = take_one(56 * UNIT_BYTES);
	EXPECT(slab_of(again) == slab_of(b[4]));
	small[0] = take_one(10 * UNIT_BYTES);
	small[1] = take_one(12 * UNIT_BYTES);
	EXPECT(slab_of(small[0]) == slab_of(a[0]) && slab_of(small[1]) == slab_of(a[0]));
	small[2] = take_one(12 * UNIT_BYTES);
	EXPECT(slab_of(small[2]) == slab_of(b[4]));
	expect_caches_sound();
	for (i = 0; i < 4; i++)
		give(0, a[i]);
	for (i = 2; i < 5; i++)
		give(0, b[i]);
	for (i = 0; i < 3; i++)
		give(0, small[i]);
	give(0, again);
}

/* However many slabs have less, the one that has room is found, and no other is made. */
static void test_not_hidden(void **state)
{
	enum { MANY = 400, MIDDLE = 84 };
	static char *object[MANY];
	unsigned int i, pages;

	(void)state;
	/* what is left of each slab is 16 units */
	for (i = 0; i < MANY; i++)
		object[i] = take_one(24 * UNIT_BYTES);
	EXPECT(object[MIDDLE + 1] == object[MIDDLE] + 24 * UNIT_BYTES);
	give(0, object[MIDDLE]);
	give(0, object[MIDDLE + 1]);
	pages = units(0)->nr_pages;
	object[MIDDLE] = take_one(40 * UNIT_BYTES);
	EXPECT(slab_of(object[MIDDLE]) == slab_of(object[MIDDLE - 1]));
	object[MIDDLE + 1] = take_one(16 * UNIT_BYTES);
	EXPECT_EQ(units(0)->nr_pages, pages);
	for (i = 0; i < MANY; i++)
		give(0, object[i]);
}

/* In each list there is what has so much room, up to as much as the next has. */
static void test_lists(void **state)
{
	static const unsigned int from[NR_ROOMS] = { 9, 12, 16, 24, 32, 48, 64 };
	unsigned int room, i;

	(void)state;
	for (room = LEAST_RUN; room <= MOST_RUN; room++) {
		i = room_list(room);
		EXPECT(i < NR_ROOMS && room >= from[i] &&
		       (i + 1 == NR_ROOMS || room < from[i + 1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_least_room_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_hidden, setup, teardown),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
