/* SPDX-License-Identifier: MIT */
/* The list against an array that says what should be on it, in order. */
#include <string.h>

#include "list.h"
#include "unit.h"

#define NR 50

struct item {
	int number;
	struct list_head node;
};

static struct item items[NR];

/* The list's numbers, forwards and backwards, are those of the array. */
static void expect_order(struct list_head *head, const int *numbers, int n)
{
	const struct list_head *node;
	struct item *item;
	int i = 0;

	list_for_each_entry(item, head, node) {
		EXPECT(i < n);
		EXPECT_EQ(item->number, numbers[i]);
		i++;
	}
	EXPECT_EQ(i, n);
	for (node = head->prev; node != head; node = node->prev) {
		i--;
		EXPECT_EQ(list_entry(node, struct item, node)->number, numbers[i]);
	}
	EXPECT_EQ(i, 0);
	EXPECT_EQ(list_empty(head), n == 0);
	if (n) {
		EXPECT_EQ(list_first_entry(head, struct item, node)->number, numbers[0]);
		EXPECT_EQ(list_last_entry(head, struct item, node)->number, numbers[n - 1]);
	}
}

static int setup(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < NR; i++) {
		items[i].number = i;
		list_init(&items[i].node);
	}
	return 0;
}

static void test_add_and_delete(void **state)
{
	struct list_head head = LIST_HEAD_INIT(head);

	(void)state;
	expect_order(&head, NULL, 0);
	list_add(&items[1].node, &head);
	list_add(&items[2].node, &head);
	list_add_tail(&items[3].node, &head);
	expect_order(&head, (int[]){ 2, 1, 3 }, 3);
	list_del(&items[1].node);
	expect_order(&head, (int[]){ 2, 3 }, 2);
	/* a node on no list knows it, and may be deleted again */
	EXPECT(list_empty(&items[1].node));
	list_del(&items[1].node);
	EXPECT(list_empty(&items[1].node));
	list_del(&items[2].node);
	list_del(&items[3].node);
	expect_order(&head, NULL, 0);
}

static void test_move(void **state)
{
	struct list_head head, other;

	(void)state;
	list_init(&head);
	list_init(&other);
	list_add_tail(&items[0].node, &head);
	list_add_tail(&items[1].node, &head);
	list_add_tail(&items[2].node, &head);
	list_move_tail(&items[0].node, &head);
	expect_order(&head, (int[]){ 1, 2, 0 }, 3);
	list_move_tail(&items[1].node, &other);
	list_move_tail(&items[0].node, &other);
	expect_order(&head, (int[]){ 2 }, 1);
	expect_order(&other, (int[]){ 1, 0 }, 2);
}

static void test_splice(void **state)
{
	struct list_head from, to;

	(void)state;
	list_init(&from);
	list_init(&to);
	list_splice_init(&from, &to);
	expect_order(&to, NULL, 0);
	list_add_tail(&items[0].node, &from);
	list_add_tail(&items[1].node, &from);
	list_splice_init(&from, &to);
	expect_order(&from, NULL, 0);
	expect_order(&to, (int[]){ 0, 1 }, 2);
	list_add_tail(&items[2].node, &from);
	list_add_tail(&items[3].node, &from);
	list_splice_init(&from, &to);
	expect_order(&from, NULL, 0);
	expect_order(&to, (int[]){ 2, 3, 0, 1 }, 4);
	list_splice_init(&from, &to);
	expect_order(&to, (int[]){ 2, 3, 0, 1 }, 4);
}

/* The safe walk may take each node off as it comes. */
static void test_safe_walk(void **state)
{
	struct list_head head, odd;
	struct item *item, *next;
	int i, numbers[NR / 2];

	(void)state;
	list_init(&head);
	list_init(&odd);
	for (i = 0; i < NR; i++)
		list_add_tail(&items[i].node, &head);
	list_for_each_entry_safe(item, next, &head, node)
		if (item->number % 2)
			list_move_tail(&item->node, &odd);
	for (i = 0; i < NR / 2; i++)
		numbers[i] = 2 * i;
	expect_order(&head, numbers, NR / 2);
	for (i = 0; i < NR / 2; i++)
		numbers[i] = 2 * i + 1;
	expect_order(&odd, numbers, NR / 2);
	list_for_each_entry_safe(item, next, &odd, node)
		list_del(&item->node);
	expect_order(&odd, NULL, 0);
}

static int position(const int *numbers, int n, int number)
{
	int i;

	for (i = 0; i < n && numbers[i] != number; i++)
		;
	return i;
}

static void test_random(void **state)
{
	uint64_t rng = unit_seed(4);
	struct list_head head;
	int numbers[NR], n = 0, step, i;

	(void)state;
	list_init(&head);
	for (step = 0; step < 5000; step++) {
		int which = (int)unit_below(&rng, NR), at = position(numbers, n, which);
		bool front = unit_below(&rng, 2), listed = at < n;

		EXPECT_EQ(list_empty(&items[which].node), !listed);
		for (i = at; listed && i < n - 1; i++)
			numbers[i] = numbers[i + 1];
		n -= listed;
		if (listed && unit_below(&rng, 2)) {
			list_del(&items[which].node);
			expect_order(&head, numbers, n);
			continue;
		}
		if (front) {
			memmove(numbers + 1, numbers, (size_t)n * sizeof(*numbers));
			numbers[0] = which;
			if (listed)
				list_del(&items[which].node);
			list_add(&items[which].node, &head);
		} else {
			numbers[n] = which;
			(listed ? list_move_tail : list_add_tail)(&items[which].node, &head);
		}
		n++;
		expect_order(&head, numbers, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_add_and_delete, setup),
		cmocka_unit_test_setup(test_move, setup),
		cmocka_unit_test_setup(test_splice, setup),
		cmocka_unit_test_setup(test_safe_walk, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
