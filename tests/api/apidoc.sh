#!/usr/bin/env bash
# apidoc.sh APIDOC COMPILER: what scripts/apidoc finds, and that it finds nothing where all is well.
#
# A small project is made with one header, one library and one test; each case then spoils one thing.
set -u
apidoc=$1
compiler=$2
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
status=0

make_project()
{
	rm -rf "${root:?}"/*
	mkdir -p "$root/include/kmem" "$root/tests/api" "$root/tests/unit"
	cat >"$root/include/kmem/one.h" <<'END'
/* one.h - all that there is. */
#ifndef ONE_H
#define ONE_H
#define KMEM_SYMBOL(name) __asm__("libkmem_" #name)

/* ---- A heading is no documentation ---- */

#define GFP_SOME 1 /* what it is */

#ifdef __cplusplus
extern "C" {
#endif

/* Gives one thing back, and never fails. */
int give_one(void) KMEM_SYMBOL(give_one);

/* Gives two things, or three, by a macro. */
#define give_more(n) __give_more(n)

int __give_more(int n) KMEM_SYMBOL(__give_more);

#ifdef __cplusplus
}
#endif
#endif
END
	echo 'int libkmem_give_one; int libkmem___give_more;' >"$root/library.c"
	echo 'int main(void) { return give_one() + give_more(GFP_SOME); }' >"$root/tests/api/one.c"
	printf 'function give_one\n         give_more\nconstant GFP_SOME\n' \
		>"$root/tests/api/kernel-names.txt"
}

# expect WHAT: apidoc says WHAT, a fixed string, and fails; with nothing said it must be content.
expect()
{
	local said code

	"$compiler" -shared -fPIC -o "$root/library.so" "$root/library.c" || exit 1
	said=$("$apidoc" --root "$root" --library "$root/library.so" 2>&1)
	code=$?
	if [ -z "${1-}" ] && [ "$code" = 0 ]; then
		return
	elif [ -n "${1-}" ] && [ "$code" = 1 ] && grep -qF -- "$1" <<<"$said" &&
		[ "$(grep -c ^FAIL: <<<"$said")" = "${2:-1}" ]; then
		return
	fi
	printf 'FAIL: wanted "%s" and nothing else, got %s and:\n%s\n' "${1-}" "$code" "$said"
	status=1
}

# spoil FILE EXPRESSION: the project with one thing changed, by sed.
spoil()
{
	local before

	make_project
	before=$(cksum <"$root/$1")
	sed -i "$2" "$root/$1"
	[ "$before" != "$(cksum <"$root/$1")" ] || { echo "FAIL: nothing to spoil: $2"; status=1; }
}

make_project
expect
spoil include/kmem/one.h '/Gives one/d'
expect "one.h: give_one: no comment above it"
spoil include/kmem/one.h 's/Gives one thing back, and never fails/Gives one/'
expect "one.h: give_one: no comment above it"
spoil include/kmem/one.h '/Gives one/G'
expect "one.h: give_one: no comment above it"
spoil include/kmem/one.h '/Gives two/d'
expect "one.h: __give_more: no comment above it"
spoil include/kmem/one.h 's,/\* what it is \*/,,'
expect "one.h: GFP_SOME: no comment above it"
spoil include/kmem/one.h 's/(give_one)/(give_two)/'
expect "one.h: give_two: the symbol of another name" 5
spoil include/kmem/one.h 's/int give_one/size_t give_one/'
expect "one.h: does not compile alone" 2
spoil library.c 's/int libkmem_give_one;//'
expect "give_one: libkmem_give_one is not exported"
spoil library.c 's/$/ int libkmem_give_none;/'
expect "libkmem_give_none: exported, but no header declares it"
spoil tests/api/one.c 's/give_one()/0/'
expect "give_one: in no test" 2
spoil tests/api/one.c 's,give_one(),/* give_one() */ 0,'
expect "give_one: in no test" 2
spoil tests/api/one.c 's/give_more(/(/'
expect "__give_more: in no test" 2
spoil tests/api/one.c 's/GFP_SOME/1/'
expect "GFP_SOME: in no test" 2
spoil tests/api/kernel-names.txt 's/give_more/give_less/'
expect "give_less: a function of the kernel, declared nowhere"
[ $status = 0 ] && echo "PASS"
exit $status
