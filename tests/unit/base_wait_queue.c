/* SPDX-License-Identifier: MIT */
/* Wait queues: no event is slept over, none is waited for that was before. */
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "wait_queue.h"

#define LONG_MS	 20000 /* nothing here takes as long, unless an event is lost */
#define SHORT_MS 20

static unsigned long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000 + (unsigned long)now.tv_nsec / 1000000;
}

static void an_event_after_the_ticket_ends_the_wait(void **state)
{
	struct wait_queue queue = { 0, 0 };
	unsigned long start = now_ms();
	uint32_t ticket = prepare_to_wait(&queue);

	(void)state;
	wake_up_all(&queue);
	wait_for_event(&queue, ticket, LONG_MS);
	EXPECT(now_ms() - start < LONG_MS);
	EXPECT_EQ(queue.sleepers, 0);
}

static void without_an_event_the_time_ends_it(void **state)
{
	struct wait_queue queue = { 0, 0 };
	unsigned long start = now_ms();
	uint32_t ticket;

	(void)state;
	wake_up_all(&queue);
	ticket = prepare_to_wait(&queue);
	wait_for_event(&queue, ticket, SHORT_MS);
	EXPECT(now_ms() - start >= SHORT_MS - 1);
	EXPECT_EQ(queue.sleepers, 0);
}

static void whoever_need_not_wait_gives_the_ticket_back(void **state)
{
	struct wait_queue queue = { 0, 0 };

	(void)state;
	prepare_to_wait(&queue);
	EXPECT_EQ(queue.sleepers, 1);
	finish_wait(&queue);
	EXPECT_EQ(queue.sleepers, 0);
}

/* Two threads count in turns: each waits for the other, some thousand times. */
static struct wait_queue turns;
static unsigned int turn;

static void take_turns(void *arg, unsigned int id)
{
	unsigned int rounds = *(unsigned int *)arg, i;

	for (i = 0; i < rounds; i++) {
		while (READ_ONCE(turn) % 2 != id) {
			uint32_t ticket = prepare_to_wait(&turns);

			if (READ_ONCE(turn) % 2 != id)
				wait_for_event(&turns, ticket, LONG_MS);
			else
				finish_wait(&turns);
		}
		__atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST);
		wake_up_all(&turns);
	}
}

static void no_event_is_slept_over(void **state)
{
	unsigned int rounds = unit_steps(20000);
	unsigned long start = now_ms();

	(void)state;
	unit_threads(2, take_turns, &rounds);
	EXPECT_EQ(turn, 2 * rounds);
	EXPECT_EQ(turns.sleepers, 0);
	/* One lost event would have cost as much. */
	EXPECT(unit_on_valgrind() || now_ms() - start < LONG_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_after_the_ticket_ends_the_wait),
		cmocka_unit_test(without_an_event_the_time_ends_it),
		cmocka_unit_test(whoever_need_not_wait_gives_the_ticket_back),
		cmocka_unit_test(no_event_is_slept_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
