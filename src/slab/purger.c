/* SPDX-License-Identifier: MIT */
/* See purger.h. */
#include "purger.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emptied.h"
#include "fork.h"
#include "lent.h"
#include "numa.h"
#include "os.h"
#include "report.h"

#define IDLE_MS	    10000u
#define VAIN_PASSES 16u /* in which nothing went: locked memory, or less than the system's pages */
#define LONGEST_MS  500UL    /* from one look to the next */
#define MS	    1000000L /* ns */

#define STAT_BYTES  1024
#define NUM_THREADS 18 /* blanks before it in /proc/self/stat, after the name */

static bool wanted;
static sigset_t programs_signals;
static bool main_left; /* the thread that main() ran in, or that forked, by pthread_exit() */

static int set_wanted(const char *value, size_t len)
{
	return option_flag(value, len, &wanted);
}

static const struct boot_param params[] = {
	{ "background_purge", set_wanted },
};

const struct boot_params purger_params = { params, ARRAY_SIZE(params) };

/* The destructor of a key that the main thread alone has a value of. */
static void note_exit(void *unused __unused)
{
	WRITE_ONCE(main_left, true);
	wake_up_all(&purge_waiters);
}

/* In the main thread of the process, or of a fork's child, unless another one has loaded us. */
static void watch_main(void)
{
	static pthread_key_t key;
	static bool have_key;

	if (!have_key)
		have_key = pthread_key_create(&key, note_exit) == 0;
	if (have_key && syscall(SYS_gettid) == getpid())
		pthread_setspecific(key, &key);
}

/* The main thread counts as long as the process is there. */
static bool is_last(void)
{
	char text[STAT_BYTES];
	long number = 0;
	const char *at;
	int i;

	if (os_read_file("/proc/self/stat", text, sizeof(text)) <= 0)
		return false;
	at = strrchr(text, ')');
	if (!at || at[1] != ' ' || at[2] != 'Z')
		return false;
	for (i = 0; at && i < NUM_THREADS; i++)
		at = strchr(at + 1, ' ');
	return at && option_number(at + 1, strchrnul(at + 1, ' ') - at - 1, &number) == 0 &&
	       number == 2;
}

/* Pages that are left for later. */
static unsigned long pass_time(void)
{
	struct kmem_cpu *cpu = cpu_enter();
	unsigned long left;

	lent_pass_time();
	left = zones_pass_time();
	if (cpu->kind == CPU_LIVE)
		emptied_by_time(cpu);
	cpu_leave(cpu);
	return left;
}

static void *run(void *unused __unused)
{
	const long pass_ns = (long)min_ul(purge_pass_ms() + 1, LONGEST_MS) * MS;
	unsigned long left = 0, before;
	unsigned int vain = 0;

	prctl(PR_SET_NAME, "kmem-purger");
	for (;;) {
		uint32_t ticket = prepare_to_wait(&purge_waiters);

		before = left;
		left = pass_time();
		vain = left == before ? vain + 1 : 0;
		if ((left && vain < VAIN_PASSES) || READ_ONCE(main_left)) {
			finish_wait(&purge_waiters);
			os_nap(pass_ns);
		} else {
			wait_for_event(&purge_waiters, ticket, IDLE_MS);
		}
		if (unlikely(READ_ONCE(main_left)) && is_last()) {
			pthread_sigmask(SIG_SETMASK, &programs_signals, NULL);
			exit(0);
		}
	}
	return NULL;
}

/* No signal that another thread may have is ever delivered to it. */
static int start(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	block_signals(&programs_signals);
	err = pthread_create(&thread, &attr, run, NULL);
	pthread_sigmask(SIG_SETMASK, &programs_signals, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

void purger_start(void)
{
	int err;

	if (!wanted || !purge_pass_ms())
		return;
	main_left = false;
	/* In the child of a fork nobody waits there, though the parent's may have. */
	purge_waiters = (struct wait_queue){ 0 };
	watch_main();
	err = start();
	if (err)
		kmem_report("background_purge: no thread (error %d)", err);
}
