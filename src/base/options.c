/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "report.h"

#define NAME_SHOWN 64 /* bytes of a bad option that a report repeats */

struct word {
	const char *name, *value;
	size_t name_len, value_len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Cuts the next option off @p into @word; NULL at the end of the text. */
static const char *next_word(const char *p, struct word *word)
{
	while (is_space(*p))
		p++;
	if (!*p)
		return NULL;
	*word = (struct word){ .name = p };
	while (*p && *p != '=' && !is_space(*p))
		p++;
	word->name_len = (size_t)(p - word->name);
	word->value = p;
	if (*p != '=')
		return p;
	if (*++p == '"') {
		word->value = ++p;
		while (*p && *p != '"')
			p++;
		word->value_len = (size_t)(p - word->value);
		return *p ? p + 1 : p;
	}
	word->value = p;
	while (*p && !is_space(*p))
		p++;
	word->value_len = (size_t)(p - word->value);
	return p;
}

/* The kernel treats dash and underscore in a parameter's name as one. */
static bool same_name(const char *name, const char *given, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		char c = given[i] == '-' ? '_' : given[i];

		if (name[i] != c)
			return false;
	}
	return name[len] == '\0';
}

static const struct boot_param *find_param(const struct word *word,
					   const struct boot_params *tables, size_t nr_tables)
{
	size_t t, i;

	for (t = 0; t < nr_tables; t++)
		for (i = 0; i < tables[t].count; i++)
			if (same_name(tables[t].param[i].name, word->name, word->name_len))
				return &tables[t].param[i];
	return NULL;
}

static void complain(const char *what, const struct word *word)
{
	char shown[NAME_SHOWN + 1];
	size_t len = word->name_len < NAME_SHOWN ? word->name_len : NAME_SHOWN;

	memcpy(shown, word->name, len);
	shown[len] = '\0';
	kmem_report("%s option '%s'", what, shown);
}

/* Whether an option of this name stands further to the front. */
static bool said_before(const char *text, const struct word *word)
{
	struct word other;

	while ((text = next_word(text, &other)) && other.name != word->name)
		if (other.name_len == word->name_len &&
		    memcmp(other.name, word->name, word->name_len) == 0)
			return true;
	return false;
}

void options_parse(const char *text, const struct boot_params *tables, size_t nr_tables)
{
	const char *start = text;
	struct word word;

	while ((text = next_word(text, &word))) {
		const struct boot_param *param = find_param(&word, tables, nr_tables);

		if (!param && !said_before(start, &word))
			complain("unknown", &word);
		else if (!param)
			continue;
		else if (param->set(word.value, word.value_len) < 0)
			complain("bad value for", &word);
	}
}

int option_number(const char *value, size_t len, long *number)
{
	bool minus = len && value[0] == '-';
	long n = 0;
	size_t i;

	if (len == (minus ? 1 : 0))
		return -EINVAL;
	for (i = minus; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(n, 10L, &n) ||
		    __builtin_add_overflow(n, value[i] - '0', &n))
			return -EINVAL;
	}
	*number = minus ? -n : n;
	return 0;
}

int option_flag(const char *value, size_t len, bool *flag)
{
	long number = 1;
	int err = len ? option_number(value, len, &number) : 0;

	if (!err)
		*flag = number != 0;
	return err;
}
