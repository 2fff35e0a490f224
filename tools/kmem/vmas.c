/* SPDX-License-Identifier: MIT */
/* kmem vmas: the library's own record of what it mapped, as /proc/vmallocinfo or as JSON. */
#include "look.h"
#include "output.h"
#include "view.h"

static void print_text(const struct vmas *vmas)
{
	struct output output;
	size_t i;

	output_begin(&output);
	for (i = 0; i < vmas->nr; i++)
		vmallocinfo_print_row(&output.out, &vmas->vma[i].vma);
	output_end(&output);
}

static void add_flag(char *text, const struct vm_area_struct *vma, unsigned long flag, char sign)
{
	*text = vma->vm_flags & flag ? sign : '-';
}

/* As in /proc/PID/maps. */
static void describe_access(char text[5], const struct vm_area_struct *vma)
{
	add_flag(&text[0], vma, VM_READ, 'r');
	add_flag(&text[1], vma, VM_WRITE, 'w');
	add_flag(&text[2], vma, VM_EXEC, 'x');
	text[3] = vma->vm_flags & VM_SHARED ? 's' : 'p';
	text[4] = '\0';
}

static void print_json(const struct target *t, const struct vmas *vmas)
{
	struct json_object *object = json_begin(t), *rows;
	char access[5];
	size_t i;

	json_add_number(object, "map_count", (unsigned long)vmas->mm.map_count);
	json_add_number(object, "total_vm", vmas->mm.total_vm);
	json_add_number(object, "data_vm", vmas->mm.data_vm);
	json_add_number(object, "reserved_vm", vmas->mm.reserved_vm);
	rows = json_add_array(object, "vmas");
	for (i = 0; i < vmas->nr; i++) {
		const struct vm_area_struct *vma = &vmas->vma[i].vma;
		struct json_object *row = json_append_object(rows);

		describe_access(access, vma);
		json_add_number(row, "start", vma->vm_start);
		json_add_number(row, "end", vma->vm_end);
		json_add_string(row, "access", access);
		json_add_string(row, "name", vma->vm_name ?: "");
		json_add_number(row, "block", vma->vm_block);
		json_add_number(row, "caller", (unsigned long)vma->vm_caller);
	}
	json_end(t, object);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct vmas vmas;
	struct target *t;
	bool json;

	t = look(self, argc, argv, &json, NULL);
	vmas_read(t, &vmas);
	if (json)
		print_json(t, &vmas);
	else
		print_text(&vmas);
	vmas_free(&vmas);
	target_close(t);
	return KMEM_OK;
}

const struct command command_vmas = {
	.name = "vmas",
	.synopsis = "[--json] PID|CORE",
	.summary = "the library's record of what it mapped, as /proc/vmallocinfo",
	.help = "Prints a line for each area that the library mapped: its addresses, bytes, whose it is,\n"
		"pages, and whether it is addresses only (reserved), the library's memory (vmalloc), or\n"
		"what the program mapped with do_mmap() (user). What others mapped is not among them.\n"
		"\n"
		"  --json  the same as JSON, with the access rights of each and the totals, in pages\n",
	.run = run,
};
