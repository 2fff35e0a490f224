#!/usr/bin/env python3
"""explain_rss.py KMEM LIBRARY HOLDER BUSY: what `kmem explain-rss` says of running programs.

The sum is held against smaps for each of them, by an own reading of /proc/PID/smaps; the parts
against a program that holds known amounts (HOLDER, tests/tools/holder.c). BUSY is a program whose
threads allocate all the time.
"""
import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

KMEM, LIBRARY, HOLDER, BUSY = sys.argv[1:5]
MIB = 1 << 20
failures = 0


def check(good, text):
    global failures
    print(('ok   ' if good else 'FAIL ') + text, flush=True)
    failures += not good


@contextlib.contextmanager
def running(command, **more):
    env = dict(os.environ, LD_PRELOAD=LIBRARY, **more)
    process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def rss(pid):
    with open('/proc/%d/smaps' % pid) as smaps:
        return sum(int(n) << 10 for n in re.findall(r'^Rss: +(\d+) kB', smaps.read(), re.M))


def explain(pid):
    out = subprocess.run([KMEM, 'explain-rss', '--json', str(pid)], stdout=subprocess.PIPE,
                         check=True, timeout=60).stdout
    return json.loads(out)


def adds_up(name, pid, floor):
    """The sum is within 2% of smaps, and of another look at smaps, which a busy program may have
    changed meanwhile; the library's own part is something."""
    before, e, after = rss(pid), explain(pid), rss(pid)
    total = sum(e['bytes'].values())
    check(total == e['explained'], '%s: the parts are the sum' % name)
    check(abs(total - e['rss']) <= 0.02 * e['rss'],
          '%s: %d KiB of %d KiB explained' % (name, total >> 10, e['rss'] >> 10))
    check(0.9 * min(before, after) <= e['rss'] <= 1.1 * max(before, after),
          '%s: Rss is that of smaps, %d KiB' % (name, before >> 10))
    check(e['bytes']['live_objects'] >= floor, '%s: %d KiB in %d objects' % (
        name, e['bytes']['live_objects'] >> 10, e['live_objects']))
    check(e['bytes']['metadata'] > 0 and e['bytes']['files'] > 0,
          '%s: metadata %d KiB, files %d KiB' % (name, e['bytes']['metadata'] >> 10,
                                                e['bytes']['files'] >> 10))
    check(e['bytes']['moving'] <= 0.05 * e['rss'],
          '%s: %d KiB in between' % (name, e['bytes']['moving'] >> 10))
    return e


def near(name, what, is_, should):
    check(abs(is_ - should) <= 0.03 * should + MIB // 4,
          '%s: %s %d KiB, should be %d KiB' % (name, what, is_ >> 10, should >> 10))


def known_amounts():
    with running([HOLDER], KMEM_OPTIONS='decay_ms=-1 transparent_hugepage=never') as process:
        held = {}
        for line in iter(process.stdout.readline, b'ready\n'):
            assert line, 'the holder ended'
            held[line.split()[0].decode()] = int(line.split()[1])
        e = adds_up('holder', process.pid, 20 * MIB)
        for what, amount in held.items():
            # What lies in sheaves is free as well.
            extra = 0
            if what == 'partial_slabs':
                extra = sum(e['bytes'][k] for k in ('thread_sheaves', 'barns', 'empty_slabs'))
            near('holder', what, e['bytes'][what] + extra, amount)
        check(40000 <= e['live_objects'] <= 40500,
              'holder: %d objects in use, should be 40000 and some' % e['live_objects'])
        check(abs(e['explained'] - e['rss']) <= 4096 * 8, 'holder: nothing moves, nothing is missing')
        text = subprocess.run([KMEM, 'explain-rss', str(process.pid)], stdout=subprocess.PIPE,
                              check=True, timeout=60, text=True).stdout
        shown = sum(int(n) for n in re.findall(r'^[a-z].* (\d+) KiB +[\d.]+%', text, re.M))
        check(abs(shown - (e['explained'] >> 10)) < 64, 'holder: the text has the same parts')
        check(re.search(r'^objects in use +\d+ KiB +\d+\.\d% #+$', text, re.M) is not None,
              'holder: the text has bars')


def python():
    code = 'import sys; x = [{i: str(i)} for i in range(100000)]; print(1, flush=True); sys.stdin.read()'
    with running([sys.executable, '-c', code], PYTHONMALLOC='malloc') as process:
        process.stdout.readline()
        adds_up('python3', process.pid, 10 * MIB)


def perl():
    code = '$| = 1; $i = 0; while (1) { $h{$i++ % 50000} = "x" x ($i % 300); print "1\n" if $i == 50000 }'
    with running(['perl', '-e', code]) as process:
        process.stdout.readline()
        for _ in range(3):
            adds_up('perl', process.pid, MIB)


def threads():
    with running([BUSY]) as process:
        process.stdout.readline()
        for _ in range(3):
            adds_up('threads', process.pid, MIB)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def redis():
    port = free_port()
    with running(['redis-server', '--port', str(port), '--save', '', '--bind', '127.0.0.1']) as process:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port)) as s:
                break
            time.sleep(0.1)
        with socket.create_connection(('127.0.0.1', port)) as s:
            s.sendall(b''.join(b'SET key%d %0200d\r\n' % (i, i) for i in range(20000)))
            answers = b''
            while len(answers) < 5 * 20000:
                answers += s.recv(1 << 16)
            check(answers == b'+OK\r\n' * 20000, 'redis-server: filled')
            adds_up('redis-server', process.pid, 4 * MIB)


def refusals():
    def fails(text, *args):
        p = subprocess.run([KMEM, 'explain-rss', *args], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=60)
        check(p.returncode != 0 and not p.stdout and len(p.stderr.splitlines()) == 1,
              '%s: exit code %d, %s' % (text, p.returncode, p.stderr.strip()))

    # Where the kernel writes core files to where a program was.
    with open('/proc/sys/kernel/core_pattern') as pattern, tempfile.TemporaryDirectory() as where:
        if pattern.read().strip() == 'core':
            limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
            process = subprocess.Popen([HOLDER], env=dict(os.environ, LD_PRELOAD=LIBRARY), cwd=where,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       preexec_fn=lambda: resource.setrlimit(
                                           resource.RLIMIT_CORE, (limit, limit)))
            while process.stdout.readline() != b'ready\n':
                pass
            process.send_signal(signal.SIGABRT)
            process.communicate()
            core = [os.path.join(where, name) for name in os.listdir(where)]
            if limit and core:
                fails('a core file', core[0])
                once = subprocess.run([KMEM, 'top', '--once', core[0]], stdout=subprocess.PIPE,
                                      text=True, timeout=60)
                check(once.returncode == 0 and re.search(r'^ *\d{5} .*kmalloc-1024 *$', once.stdout,
                                                         re.M) is not None,
                      'top --once of a core file')
    fails('no process', str(2 ** 22 + 1))
    fails('no library', str(os.getpid()))
    fails('no argument')
    fails('unknown option', '--such', '1')


for test in (known_amounts, python, perl, threads, redis, refusals):
    test()
print('%d failures' % failures)
sys.exit(failures != 0)
