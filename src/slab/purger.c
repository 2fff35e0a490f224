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
#include "numa.h"
#include "os.h"
#include "report.h"

#define IDLE_MS	    10000u
#define LONGEST_MS  500UL    /* from one look to the next */
#define MS	    1000000L /* ns */

#define STAT_BYTES  1024
#define NUM_THREADS 18 /* blanks before it in /proc/self/stat, after the name */

static bool wanted;
static bool main_left; /* the thread that main() ran in, or that forked, by pthread_exit() */

static int set_wanted(const char *value, size_t len)
{
	return option_flag(value, len, &wanted);
}

static const struct boot_param params[] = {
	{ "background_purge", set_wanted },
};

const struct boot_params purger_params = { params, ARRAY_SIZE(params) };

void purger_note_exit(void)
{
	if (likely(!wanted) || syscall(SYS_gettid) != getpid())
		return;
	WRITE_ONCE(main_left, true);
	wake_up_all(&purge_waiters);
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

/* Whether there is anything left that goes later. */
static bool pass_time(void)
{
	struct kmem_cpu *cpu = cpu_enter();
	bool more = zones_pass_time();

	if (cpu->kind == CPU_LIVE)
		emptied_by_time(cpu);
	cpu_leave(cpu);
	return more;
}

static void *run(void *unused __unused)
{
	const long pass_ns = (long)min_ul(purge_pass_ms(), LONGEST_MS) * MS;

	prctl(PR_SET_NAME, "kmem-purger");
	for (;;) {
		uint32_t ticket = prepare_to_wait(&purge_waiters);

		if (pass_time() || READ_ONCE(main_left)) {
			finish_wait(&purge_waiters);
			os_nap(pass_ns);
		} else {
			wait_for_event(&purge_waiters, ticket, IDLE_MS);
		}
		if (unlikely(READ_ONCE(main_left)) && is_last())
			exit(0);
	}
	return NULL;
}

/* No signal of the program's is ever delivered to it. */
static int start(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, &attr, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

void purger_start(void)
{
	int err;

	if (!wanted || !purge_pass_ms())
		return;
	main_left = false;
	err = start();
	if (err)
		kmem_report("background_purge: no thread (error %d)", err);
}
