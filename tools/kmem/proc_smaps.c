/* SPDX-License-Identifier: MIT */
/* See proc_smaps.h. */
#include "proc_smaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* The first line of a mapping: what it is. False for the lines of figures. */
static bool parse_head(const char *line, struct proc_vma *vma)
{
	unsigned long start, end, inode;
	char access[5];
	int path = 0;
	size_t len;

	if (sscanf(line, "%lx-%lx %4s %*x %*s %lu %n", &start, &end, access, &inode, &path) < 4)
		return false;
	*vma = (struct proc_vma){
		.start = start,
		.end = end,
		.shared = access[3] == 's',
		.file = inode != 0,
		.name = xstrdup(path ? line + path : ""),
	};
	len = strlen(vma->name);
	if (len && vma->name[len - 1] == '\n')
		vma->name[len - 1] = '\0';
	return true;
}

static void parse_figure(const char *line, struct proc_vma *vma)
{
	unsigned long kib;

	if (sscanf(line, "Rss: %lu kB", &kib) == 1)
		vma->rss = (size_t)kib << 10;
	else if (!strncmp(line, "VmFlags:", 8) && strstr(line, " ht"))
		vma->hugetlb = true;
}

int proc_smaps_read(pid_t pid, struct proc_smaps *smaps)
{
	char *path = xasprintf("/proc/%d/smaps", (int)pid), *line = NULL;
	size_t size = 0, room = 0, i;
	FILE *f = fopen(path, "re");
	int err = 0;

	*smaps = (struct proc_smaps){ 0 };
	free(path);
	if (!f)
		return errno == ENOENT ? ESRCH : errno;
	errno = 0;
	while (getline(&line, &size, f) > 0) {
		struct proc_vma vma;

		if (!parse_head(line, &vma)) {
			if (smaps->nr)
				parse_figure(line, &smaps->vma[smaps->nr - 1]);
			continue;
		}
		if (smaps->nr == room) {
			room = room ? 2 * room : 256;
			smaps->vma = xrealloc(smaps->vma, room, sizeof(vma));
		}
		smaps->vma[smaps->nr++] = vma;
	}
	if (ferror(f))
		err = errno ? errno : EIO;
	fclose(f);
	free(line);
	for (i = 0; i < smaps->nr; i++)
		smaps->rss += smaps->vma[i].rss;
	/* A process that ended has no mappings left. */
	return err ? err : smaps->nr ? 0 : ESRCH;
}

void proc_smaps_free(struct proc_smaps *smaps)
{
	size_t i;

	for (i = 0; i < smaps->nr; i++)
		free(smaps->vma[i].name);
	free(smaps->vma);
	*smaps = (struct proc_smaps){ 0 };
}
