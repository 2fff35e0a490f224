#!/usr/bin/env python3
"""sysfs.py KMEM PROGRAM: what `kmem sysfs` says of PROGRAM, which says itself what it must be
(tests/tools/sysfs_caches.c): printed, as files, and as JSON.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

KMEM, PROGRAM = sys.argv[1:3]
# As the kernel has them; the last two are ours.
NAMES = """aliases align alloc_fastpath alloc_slowpath free_fastpath free_slowpath alloc_slab
    free_slab sheaf_flush sheaf_refill barn_get barn_get_fail barn_put barn_put_fail ctor
    destroy_by_rcu hwcache_align min_partial object_size objects objects_partial objs_per_slab
    order partial poison reclaim_account red_zone sanity_checks sheaf_capacity shrink slab_size
    slabs store_user total_objects trace validate objects_in_sheaves objects_in_barns""".split()
failures = 0


def check(good, text):
    global failures
    print(('ok   ' if good else 'FAIL ') + text, flush=True)
    failures += not good


def kmem(*args):
    return subprocess.run([KMEM, 'sysfs', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)


def value(printed, path):
    cache, attribute = path.split('/')
    if '+' in attribute:
        return str(sum(int(printed[cache + '/' + part]) for part in attribute.split('+')))
    return printed.get(path)


def fits(is_, should):
    if '..' in should:
        low, high = map(int, should.split('..'))
        return is_ is not None and low <= int(is_) <= high
    return is_ == should


def read_program(process):
    expected, links = {}, []
    for line in iter(process.stdout.readline, 'ready\n'):
        assert line, 'the program ended'
        if ' -> ' in line:
            links.append(line.strip())
        else:
            path, should = line.rstrip('\n').split(': ', 1)
            expected[path] = should
    return expected, links


def check_printed(pid, expected, links):
    lines = kmem(pid).stdout.splitlines()
    printed = dict((line.split(':', 1)[0], line.split(':', 1)[1].strip())
                   for line in lines if ' -> ' not in line)
    for path, should in expected.items():
        is_ = value(printed, path)
        check(fits(is_, should), '%s: %s, should be %s' % (path, is_, should))
    for link in links:
        check(link in lines, link)
    names = [path.split('/')[1] for path in printed if path.startswith('history/')]
    check(sorted(names) == sorted(set(NAMES) - {'shrink', 'validate'}), 'all attributes: %d' % len(names))
    check(os.path.basename(PROGRAM) + '+0x' in printed['aligned/ctor'],
          'aligned/ctor: ' + printed['aligned/ctor'])
    check(printed['history/ctor'] == '', 'history/ctor: none')
    check('kmalloc-64/slab_size' in printed and printed['kmalloc-64/aliases'] == '0',
          'the caches of kmalloc are there')
    return printed


def check_files(pid, printed, directory):
    root = pathlib.Path(directory, 'slab')
    done = kmem('--output', str(root), pid)
    check(done.returncode == 0 and not done.stdout and not done.stderr, 'files: written')
    files = {}
    for path in root.glob('*/*'):
        if not path.parent.is_symlink():
            files[path.parent.name + '/' + path.name] = path.read_text()
    check({p: t for p, t in files.items() if p.split('/')[1] not in ('shrink', 'validate')} ==
          {p: v + '\n' if v else '' for p, v in printed.items()}, 'files: the same, %d' % len(files))
    check(files['history/shrink'] == '' and files['history/validate'] == '', 'files: empty ones')
    check(os.readlink(root / 'shared-second') == 'shared-first', 'files: the alias is a link')
    before = {p: (root / p).stat().st_ino for p in files}
    check(kmem('--output', str(root), pid).returncode == 0 and
          before == {p: (root / p).stat().st_ino for p in files}, 'files: written again')
    done = kmem('--output', '/nowhere/slab', pid)
    check(done.returncode == 1 and len(done.stderr.splitlines()) == 1, 'files: ' + done.stderr.strip())


def check_json(pid, printed):
    data = json.loads(kmem('--json', pid).stdout)
    rows = {row['name']: row for row in data['caches']}
    check(rows['shared-first']['alias_names'] == ['shared-second'], 'JSON: aliases')
    wrong = []
    for path, text in printed.items():
        cache, attribute = path.split('/')
        row = rows[cache.replace('with!slash', 'with/slash')]
        parts = text.split()
        if attribute == 'ctor':
            wrong += [path] if row[attribute] != text else []
            continue
        wrong += [path] if row[attribute] != int(parts[0]) else []
        for part in parts[1:]:
            node, figure = part[1:].split('=')
            wrong += [path] if row[attribute + '_by_node'][node] != int(figure) else []
    check(not wrong, 'JSON: the same figures' + ', but ' + ' '.join(wrong) * bool(wrong))


with tempfile.TemporaryDirectory() as directory, \
        subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         env=dict(os.environ, KMEM_OPTIONS='decay_ms=-1')) as program:
    expected, links = read_program(program)
    pid = str(program.pid)
    printed = check_printed(pid, expected, links)
    check_files(pid, printed, directory)
    check_json(pid, printed)
    for args in (['--json', '--output', 'x', pid], [], ['--such', pid]):
        done = kmem(*args)
        check(done.returncode == 2 and not done.stdout and len(done.stderr.splitlines()) == 1,
              'refused: ' + done.stderr.strip())
    program.stdin.close()
print('%d failures' % failures)
sys.exit(failures != 0)
