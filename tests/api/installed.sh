#!/bin/bash
#
# installed.sh BUILD-DIRECTORY: an installed copy, in a place that nobody planned for, is found by
# pkg-config, and what is built with that runs.
set -u

DIR=$(mktemp -d) || exit 1
trap 'rm -rf "$DIR"' EXIT
unset LD_PRELOAD LD_LIBRARY_PATH PKG_CONFIG_SYSROOT_DIR DESTDIR

fail()
{
	echo "FAIL: $*"
	exit 1
}

installed=$DIR/some-where
cmake --install "$1" --prefix "$DIR/first" >"$DIR/log" || fail "$(cat "$DIR/log")"
# The file says where it is, and not where it once was.
mv "$DIR/first" "$installed"
file=$(find "$installed" -name libkmem.pc)
[ -n "$file" ] || fail "no libkmem.pc was installed"
export PKG_CONFIG_PATH=${file%/*}

cat >"$DIR/prog.c" <<'END'
#include <kmem/slab.h>

struct task { int pid; };

int main(void)
{
	struct kmem_cache *cache = KMEM_CACHE(task, 0);
	struct task *task = kmem_cache_zalloc(cache, GFP_KERNEL);
	int pid = task->pid;

	kmem_cache_free(cache, task);
	kmem_cache_destroy(cache);
	return pid;
}
END

# build COMMAND...: must succeed.
build()
{
	"$@" || fail "exit code $? of: $*"
}

libdir=$(pkg-config --variable=libdir libkmem) || fail "pkg-config does not find the library"
mapfile -t flags < <(pkg-config --cflags --libs libkmem | xargs printf '%s\n')
build gcc -o "$DIR/shared" "$DIR/prog.c" "${flags[@]}" -Wl,-rpath,"$libdir"
"$DIR/shared" || fail "exit code $? of the program with the shared library"
mapfile -t flags < <(pkg-config --static --cflags --libs libkmem | xargs printf '%s\n')
build gcc -static -o "$DIR/static" "$DIR/prog.c" "${flags[@]}"
"$DIR/static" || fail "exit code $? of the static program"
echo "ok: ${flags[*]}"
