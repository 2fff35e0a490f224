/* SPDX-License-Identifier: MIT */
/*
 * fork() with what the program may hold, or have interrupted, while another thread has memory
 * mapped and unmapped, looks at what is, or flushes files. What goes wrong here waits for ever;
 * ctest ends it.
 */
#include "api.h"

#include <kmem/vma.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>

#define FORKS (RUNNING_ON_VALGRIND ? 5 : 150)

static bool stop;
static int forks, bad;

static void *grow_and_trim(void *arg)
{
	void *block[64];
	int i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 64; i++)
			block[i] = malloc(1000000);
		for (i = 0; i < 64; i++)
			free(block[i]);
		malloc_trim(0);
	}
	return arg;
}

static void fork_once(void)
{
	pid_t pid = fork(), got;
	int status;

	if (!pid)
		_exit(0);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	bad += got != pid || status;
	__atomic_fetch_add(&forks, 1, __ATOMIC_RELAXED);
}

static pthread_t begin(void *(*function)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, function, arg), 0);
	return thread;
}

static void end(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(bad, 0);
}

static void with_the_lock_of_the_areas(void **state)
{
	struct mm_struct *mm = current_mm();
	pthread_t thread;
	int i;

	(void)state;
	stop = false;
	thread = begin(grow_and_trim, NULL);
	for (i = 0; i < FORKS; i++) {
		mmap_read_lock(mm);
		usleep(500);
		fork_once();
		/* It is held as before: once more than it is given back. */
		mmap_read_lock(mm);
		mmap_read_unlock(mm);
		assert_non_null(find_vma(mm, 0));
		mmap_read_unlock(mm);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	end(thread);
}

static void *look_at_areas(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		find_vma(current_mm(), 0);
	return arg;
}

/* A block with a mapping of its own is what a handler gets, in the midst of a slow path. */
static bool is_in_a_slow_path(void)
{
	void *block[2] = { malloc(100000), malloc(100000) };
	bool alone = true;
	int i;

	for (i = 0; i < 2; i++) {
		alone &= (uintptr_t)block[i] % (64 << 20) == 0;
		free(block[i]);
	}
	return alone;
}

/* Who lets go of the lock for the fork is out of the slow path when it has given it back. */
static void others_take_the_lock_meanwhile(void **state)
{
	struct mm_struct *mm = current_mm();
	pthread_t thread;
	int i;

	(void)state;
	stop = false;
	thread = begin(look_at_areas, NULL);
	for (i = 0; i < FORKS; i++) {
		mmap_read_lock(mm);
		fork_once();
		mmap_read_unlock(mm);
		assert_false(is_in_a_slow_path());
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	end(thread);
}

static pthread_barrier_t locked;

static void *flush_with_the_lock(void *arg)
{
	int i;

	for (i = 0; i < FORKS / 5; i++) {
		mmap_read_lock(current_mm());
		pthread_barrier_wait(&locked);
		usleep(2000);
		fflush(NULL);
		mmap_read_unlock(current_mm());
		pthread_barrier_wait(&locked);
	}
	return arg;
}

/* fork() takes the lock of all FILEs as well, for which another waits with that of the areas. */
static void while_another_flushes_with_it(void **state)
{
	pthread_t thread;
	int i;

	(void)state;
	pthread_barrier_init(&locked, NULL, 2);
	thread = begin(flush_with_the_lock, NULL);
	for (i = 0; i < FORKS / 5; i++) {
		pthread_barrier_wait(&locked);
		fork_once();
		pthread_barrier_wait(&locked);
	}
	end(thread);
	pthread_barrier_destroy(&locked);
}

/* ---- A collector, which stops all threads by a signal ---- */

static sem_t answered;
static bool stopped;

static void wait_to_go_on(int sig)
{
	sigset_t others;
	int saved = errno;

	(void)sig;
	sigfillset(&others);
	sigdelset(&others, SIGUSR2);
	sem_post(&answered);
	do
		sigsuspend(&others);
	while (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE));
	sem_post(&answered);
	errno = saved;
}

static void go_on(int sig)
{
	(void)sig;
}

static void tell_all(const pthread_t thread[3], int sig)
{
	int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_kill(thread[i], sig), 0);
	for (i = 0; i < 3; i++)
		while (sem_wait(&answered))
			assert_int_equal(errno, EINTR);
}

static void *fork_on_and_on(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		fork_once();
	return arg;
}

/* Who forks may have to wait for the lock of a thread that is stopped, and answers all the same. */
static void all_are_stopped_at_times(void **state)
{
	struct sigaction action = { .sa_handler = wait_to_go_on, .sa_flags = SA_RESTART };
	pthread_t thread[3];
	int i;

	(void)state;
	sem_init(&answered, 0, 0);
	sigfillset(&action.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	action.sa_handler = go_on;
	assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
	stop = false;
	for (i = 0; i < 3; i++)
		thread[i] = begin(i ? grow_and_trim : fork_on_and_on, NULL);
	for (i = 0; i < FORKS; i++) {
		usleep(500);
		__atomic_store_n(&stopped, true, __ATOMIC_RELEASE);
		tell_all(thread, SIGUSR1);
		__atomic_store_n(&stopped, false, __ATOMIC_RELEASE);
		tell_all(thread, SIGUSR2);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		end(thread[i]);
}

/* The next signal comes a while after the handler of the last has ended, however long that took. */
static void signal_soon(void)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 3000 } };

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void handler(int sig)
{
	(void)sig;
	fork_once();
	signal_soon();
}

/* The handler interrupts changes of the zone; the other thread trims. */
static void from_a_handler(void **state)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	sigset_t alarm_only;
	pthread_t trimmer;
	void *block[40];
	int i;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_only, NULL);
	stop = false;
	forks = 0;
	trimmer = begin(grow_and_trim, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
	signal_soon();
	while (__atomic_load_n(&forks, __ATOMIC_RELAXED) < FORKS) {
		for (i = 0; i < 40; i++)
			block[i] = malloc(70000 + (size_t)i * 4096);
		for (i = 0; i < 40; i++)
			free(block[i]);
	}
	/* Ignored first: the last handler to run may have set the timer again. */
	signal(SIGALRM, SIG_IGN);
	setitimer(ITIMER_REAL, &never, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	end(trimmer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_the_lock_of_the_areas),
		cmocka_unit_test(others_take_the_lock_meanwhile),
		cmocka_unit_test(while_another_flushes_with_it),
		cmocka_unit_test(all_are_stopped_at_times),
		cmocka_unit_test(from_a_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
