# SPDX-License-Identifier: MIT
"""allocators - which allocators a benchmark runs on, and what every driver of runs needs.

An allocator is a name and a library to preload. The C library's own is always the first, libkmem
the last unless it was given by its path; whatever did not load is refused before anything starts,
because the loader only warns.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time

import machine

DEBIAN_PEERS = (
    ("jemalloc", "libjemalloc.so.2"),
    ("mimalloc", "libmimalloc.so.2"),
    ("tcmalloc", "libtcmalloc_minimal.so.4"),
)
DEBIAN_PACKAGES = ("libjemalloc2", "libmimalloc2.0", "libtcmalloc-minimal4")


class Allocator:
    """A name, the library to preload (None for the C library's own), and KMEM_OPTIONS for it."""

    def __init__(self, name, path=None, version=None, options=None):
        self.name = name
        self.path = os.path.realpath(path) if path else None
        self.options = options
        self.is_peer = not name.startswith("libkmem")
        self.version = version


class Turns:
    """The order of the allocators, drawn anew for each row and round, and the same in each session.

    What ran just before decides which memory the system has at hand.
    """

    def __init__(self, chosen):
        self.chosen = chosen
        self.random = random.Random(1)

    def draw(self):
        return self.random.sample(self.chosen, len(self.chosen))


class Failure(Exception):
    """A run that gives no figure."""


def fail(message):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")


def note(message):
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)


# ---- Options that all drivers share ---------------------------------------------------------


def add_options(add):
    """Adds to a parser, by its add_argument, how allocators and CPUs are chosen."""
    build = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "build")
    add("--lib", action="append", default=[], metavar="NAME=PATH", help="an allocator to preload")
    add("--debian", action="store_true", help="jemalloc, mimalloc and tcmalloc, if installed")
    add("--no-kmem", action="store_true", help="leave libkmem out")
    add("--build", default=os.path.join(build, "release"), metavar="DIR",
        help="where libkmem.so and bench/ are built (default: build/release)")
    add("--version", action="append", default=[], metavar="NAME=TEXT",
        help="what to call an allocator's version, where no package says it")
    add("--pin", metavar="CPULIST", help="run on these CPUs only, e.g. 0 or 0-1")


def add_output_options(add):
    """Adds to a parser, by its add_argument, the files that results can be written to."""
    add("--csv", metavar="FILE", help="medians, one line per row and allocator")
    add("--json", metavar="FILE", help="all samples")
    add("--markdown", metavar="FILE", help="the tables")


def apply_options(options):
    """After parsing: the build directory made absolute, the files' directories there, the CPUs set."""
    options.build = os.path.realpath(options.build)
    for name in ("csv", "json", "markdown", "plot", "report"):
        path = getattr(options, name, None)
        if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            fail(f"--{name} {path}: no such directory")
    if options.pin:
        os.sched_setaffinity(0, cpu_list(options.pin))


def cpu_list(text):
    cpus = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        cpus |= set(range(int(low), int(high or low) + 1))
    return cpus


def clean_environment(directory):
    """Nothing of the caller's surroundings that changes what programs do, or which malloc."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": directory,
        "TMPDIR": directory,
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
    }
    if "KMEM_OPTIONS" in os.environ:
        environment["KMEM_OPTIONS"] = os.environ["KMEM_OPTIONS"]
    return environment


# ---- Allocators -----------------------------------------------------------------------------


def system_library(soname):
    """The path of an installed library, as the loader's cache knows it."""
    for ldconfig in ("/sbin/ldconfig", "/usr/sbin/ldconfig", "ldconfig"):
        try:
            listing = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        for line in listing.stdout.splitlines():
            words = line.split()
            if words and words[0] == soname and "=>" in words:
                return words[-1]
    return None


def c_library():
    """The C library of this process: preloaded, it comes before a malloc a program links to."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            if re.search(r"/libc[.-][^/]*so[^/]*$", line.strip()):
                return line.split()[-1]
    return None


def verify_loaded(allocator, environment):
    """Starts a program with the library and looks into its maps: ld.so only warns."""
    if not os.path.exists(allocator.path):
        fail(f"{allocator.name}: no such file: {allocator.path}")
    env = dict(environment, LD_PRELOAD=allocator.path)
    probe = subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    try:
        probe.stdin.write(b"loaded\n")
        probe.stdin.flush()
        if not probe.stdout.readline():
            fail(f"{allocator.name}: a program does not even start with it: {allocator.path}")
        with open(f"/proc/{probe.pid}/maps", encoding="utf-8", errors="replace") as maps:
            if not any(line.rstrip("\n").endswith(allocator.path) for line in maps):
                fail(f"{allocator.name}: did not load: {allocator.path}")
    except BrokenPipeError:
        fail(f"{allocator.name}: a program does not even start with it: {allocator.path}")
    finally:
        probe.kill()
        probe.communicate()


def choose(options, environment):
    chosen = [Allocator("glibc")]
    if options.debian:
        for name, soname in DEBIAN_PEERS:
            path = system_library(soname)
            if path:
                chosen.append(Allocator(name, path))
            else:
                note(f"{soname} is not installed; {name} is left out")
    for text in options.lib:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            fail(f"--lib {text}: want NAME=PATH")
        if any(a.name == name for a in chosen):
            fail(f"--lib {text}: the name is taken")
        chosen.append(Allocator(name, path))
    own = os.path.join(options.build, "libkmem.so")
    if not any(a.name == "libkmem" for a in chosen) and not options.no_kmem:
        if os.path.exists(own):
            chosen.append(Allocator("libkmem", own))
        else:
            note(f"{own} is not built; comparing the others")
    chosen += with_options(getattr(options, "options", []), chosen)
    for allocator in chosen[1:]:
        verify_loaded(allocator, environment)
    for allocator in chosen:
        allocator.version = machine.library_version(allocator.path or c_library())
    name_versions(options.version, chosen)
    return chosen


def with_options(texts, chosen):
    """libkmem once more for each of --options."""
    own = [a for a in chosen if a.name == "libkmem"]
    more = []
    for text in texts:
        name, _, words = text.partition("=")
        if not own or not name or not words:
            fail(f"--options {text}: want NAME=WORDS, and libkmem")
        if any(a.name == "libkmem-" + name for a in chosen + more):
            fail(f"--options {text}: the name is taken")
        more.append(Allocator("libkmem-" + name, own[0].path, options=words))
    return more


def name_versions(texts, chosen):
    """What the caller says of versions goes before what can be found out."""
    for text in texts:
        name, _, version = text.partition("=")
        named = [a for a in chosen if a.name == name]
        if not named or not version:
            fail(f"--version {text}: want NAME=TEXT, with the name of an allocator")
        named[0].version = version


# ---- Runs -----------------------------------------------------------------------------------


def describe_status(status):
    if status > 128:
        try:
            return "died of " + signal.Signals(status - 128).name
        except ValueError:
            pass
    return f"exit status {status}"


def kill_group(child):
    """Ends whatever a run left behind: it has a process group of its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()


class Progress:
    """How far we are and how long it will take, on stderr."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.start = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def step(self, text):
        self.done += 1
        now = time.monotonic()
        if not self.terminal and now - self.shown < 20 and self.done < self.total:
            return
        self.shown = now
        left = (now - self.start) / self.done * (self.total - self.done)
        line = f"[{self.done}/{self.total}] {text}, about {int(left) // 60}:{int(left) % 60:02d} left"
        if self.terminal:
            sys.stderr.write("\r\033[K" + line + ("\n" if self.done == self.total else ""))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()
