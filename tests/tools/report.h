/* SPDX-License-Identifier: MIT */
/*
 * What a program reports of itself by the library's public functions: a file each in a directory.
 * None of them allocates.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define REPORTS(row)                                                       \
	row(slabinfo, kmem_slabinfo_write) row(buddyinfo, buddyinfo_print) \
		row(zoneinfo, zoneinfo_print) row(vmas, vmallocinfo_print)

/* Writes the file @name.own; false when that failed. */
static inline int write_report(const char *directory, const char *name, int (*print)(int fd))
{
	char path[PATH_MAX];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s.own", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return 0;
	err = print(fd);
	return close(fd) == 0 && err == 0;
}

#endif
