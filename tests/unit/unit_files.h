/* SPDX-License-Identifier: MIT */
/* Made-up files below a directory of the test's own, for what reads /proc and /sys. */
#ifndef UNIT_FILES_H
#define UNIT_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

/* Writes @text to the file @name below @root, with the directories on the way. */
static inline void unit_write_file(const char *root, const char *name, const char *text)
{
	char path[PATH_MAX], *slash;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		EXPECT(mkdir(path, 0700) == 0 || errno == EEXIST);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	EXPECT(fd >= 0);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Removes @root with everything below it; 0 when that went well. */
static inline int unit_remove_files(const char *root)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

#endif
