/* SPDX-License-Identifier: MIT */
/* See livefile.h. */
#include "livefile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define PIECE	    4096u /* what a row must not cross */
#define NAME_MAX_   128
#define FIELDS_ROOM 112u /* bytes of a row behind its name, at most */
#define ROW_ROOM    (NAME_MAX_ + FIELDS_ROOM)

#define READ_ROW                                        \
	"%128s %lu %lu %u %u %d : tunables %u %u %u : " \
	"slabdata %lu %lu %lu"
#define WRITE_FIELDS                                        \
	"%10lu %10lu %6u %4u %4d : tunables %4u %4u %4u : " \
	"slabdata %10lu %10lu %6lu\n"

struct row {
	char name[NAME_MAX_ + 1];
	unsigned long active_objs, num_objs, active_slabs, num_slabs, sharedavail;
	unsigned int objsize, objperslab, limit, batchcount, sharedfactor;
	int pagesperslab;
};

/* A row's place in the file, and what stands there now. */
struct place {
	char name[NAME_MAX_ + 1];
	bool seen; /* in the text of this update */
	bool gone; /* in that of the last one it was not */
	size_t at, len, name_width;
	char text[2 * ROW_ROOM + 1];
};

struct livefile {
	int fd;
	size_t end;
	struct place *places;
	size_t nr, room;
};

struct livefile *livefile_open(int fd)
{
	struct livefile *file = xrealloc(NULL, 1, sizeof(*file));

	*file = (struct livefile){ .fd = fd };
	return file;
}

void livefile_close(struct livefile *file)
{
	free(file->places);
	free(file);
}

static int write_at(const struct livefile *file, size_t at, const char *text, size_t len)
{
	while (len) {
		ssize_t n = pwrite(file->fd, text, len, (off_t)at);

		if (n < 0 && errno != EINTR)
			return errno;
		if (n == 0)
			return EIO;
		if (n > 0) {
			text += n;
			at += (size_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static bool parse_row(const char *line, struct row *row)
{
	return sscanf(line, READ_ROW, row->name, &row->active_objs, &row->num_objs, &row->objsize,
		      &row->objperslab, &row->pagesperslab, &row->limit, &row->batchcount,
		      &row->sharedfactor, &row->active_slabs, &row->num_slabs,
		      &row->sharedavail) == 12;
}

/* The length of the row, its newline included. */
static size_t print_row(const struct row *row, size_t name_width, char *text, size_t size)
{
	int len = snprintf(text, size, "%-*s " WRITE_FIELDS, (int)name_width, row->name,
			   row->active_objs, row->num_objs, row->objsize, row->objperslab,
			   row->pagesperslab, row->limit, row->batchcount, row->sharedfactor,
			   row->active_slabs, row->num_slabs, row->sharedavail);

	return (size_t)len < size ? (size_t)len : 0;
}

/*
 * Puts @text where one as long stands. A reader copies upwards while this writes, and may see any
 * mix of old and new in which what is new of its bytes was written before it came there. So a digit
 * only ever takes the place of a digit, or of the last blank before one, which was written before:
 * whatever the mix, there is no blank within a figure. A figure that loses digits has zeros in
 * their place.
 */
static int replace(struct livefile *file, struct place *place, char *text)
{
	size_t i;
	int err = 0;

	for (i = 0; i < place->len; i++)
		if (text[i] == ' ' && place->text[i] != ' ')
			text[i] = '0';
	for (i = place->len; i-- > 0 && !err;)
		if (place->text[i] == ' ' && text[i] != ' ')
			err = write_at(file, place->at + i, text + i, 1);
	for (i = 0; i < place->len && !err; i++) {
		size_t first = i;

		while (i < place->len && text[i] != place->text[i] && place->text[i] != ' ')
			i++;
		err = write_at(file, place->at + first, text + first, i - first);
	}
	memcpy(place->text, text, place->len);
	return err;
}

/*
 * How wide the name of a new row at the end has to be, so that the next row fits behind it or
 * begins the next piece.
 */
static size_t name_width_at_end(const struct livefile *file, const struct row *row)
{
	char text[2 * ROW_ROOM + 1];
	size_t len = print_row(row, 17, text, sizeof(text)), width = strlen(row->name);
	size_t left = PIECE - file->end % PIECE;

	if (width < 17)
		width = 17;
	return len && left < len + ROW_ROOM ? width + (left - len) : width;
}

static int add_row(struct livefile *file, const struct row *row)
{
	struct place *place;
	int err;

	if (file->nr == file->room) {
		file->room = file->room ? 2 * file->room : 64;
		file->places = xrealloc(file->places, file->room, sizeof(*file->places));
	}
	place = &file->places[file->nr];
	*place = (struct place){ .seen = true, .at = file->end };
	memcpy(place->name, row->name, sizeof(place->name));
	place->name_width = name_width_at_end(file, row);
	place->len = print_row(row, place->name_width, place->text, sizeof(place->text));
	if (!place->len)
		return EINVAL;
	err = write_at(file, place->at, place->text, place->len);
	if (err)
		return err;
	file->nr++;
	file->end += place->len;
	return 0;
}

/* The row's place; one that is gone and has a name as long; or NULL. Caches may share a name. */
static struct place *find_place(struct livefile *file, const struct row *row, size_t hint)
{
	size_t len = strlen(row->name), i;
	struct place *gone = NULL;

	/* Caches keep their order, so it is nearly always where it was. */
	if (hint < file->nr && !file->places[hint].seen &&
	    !strcmp(file->places[hint].name, row->name))
		return &file->places[hint];
	for (i = 0; i < file->nr; i++) {
		struct place *place = &file->places[i];

		if (place->seen)
			continue;
		if (!strcmp(place->name, row->name))
			return place;
		if (place->gone && strlen(place->name) == len)
			gone = place;
	}
	return gone;
}

static int update_row(struct livefile *file, const struct row *row, size_t hint)
{
	struct place *place = find_place(file, row, hint);
	char text[2 * ROW_ROOM + 1];

	if (!place)
		return add_row(file, row);
	place->seen = true;
	/* A figure too wide for its column: the row stays as it is. */
	if (print_row(row, place->name_width, text, sizeof(text)) != place->len)
		return 0;
	memcpy(place->name, row->name, sizeof(place->name));
	return replace(file, place, text);
}

static int clear_gone(struct livefile *file)
{
	size_t i;

	for (i = 0; i < file->nr; i++) {
		struct place *place = &file->places[i];
		char text[2 * ROW_ROOM + 1];
		struct row row;
		int err;

		place->gone = !place->seen;
		if (place->seen || !parse_row(place->text, &row))
			continue;
		row.active_objs = row.num_objs = row.active_slabs = row.num_slabs = 0;
		if (print_row(&row, place->name_width, text, sizeof(text)) != place->len)
			continue;
		err = replace(file, place, text);
		if (err)
			return err;
	}
	return 0;
}

/* The two header lines, which never change. */
static int write_headers(struct livefile *file, const char *text, size_t len)
{
	int err = ftruncate(file->fd, 0) ? errno : write_at(file, 0, text, len);

	if (!err)
		file->end = len;
	return err;
}

int livefile_update(struct livefile *file, const char *text)
{
	const char *line = strchr(text, '\n');
	size_t i, hint = 0;
	int err = 0;

	line = line ? strchr(line + 1, '\n') : NULL;
	if (!line || strncmp(text, "slabinfo - version: 2.1\n", 24) != 0)
		return EINVAL;
	line++;
	if (!file->end)
		err = write_headers(file, text, (size_t)(line - text));
	for (i = 0; i < file->nr; i++)
		file->places[i].seen = false;
	while (!err && *line) {
		const char *end = strchr(line, '\n');
		struct row row;

		if (!end || !parse_row(line, &row))
			return EINVAL;
		err = update_row(file, &row, hint++);
		line = end + 1;
	}
	return err ? err : clear_gone(file);
}
