# SPDX-License-Identifier: MIT
"""machine - what was measured, and on what: the words that go with the figures.

A figure means something only beside the machine and the versions it belongs to. Neither names the
machine: no host, no directory of it appears in what is written.
"""

import os
import platform
import re
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))

# Options that say where something is, or what it is called: nothing of the measurement.
OUTPUT_OPTIONS = (
    "--build", "--csv", "--json", "--markdown", "--plot", "--report", "--version",
)


def first_match(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                found = re.search(pattern, line)
                if found:
                    return found.group(1).strip()
    except OSError:
        pass
    return None


def describe():
    """The machine as names and texts, in the order of a reader's interest."""
    memory = int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+) kB") or 0)
    huge = first_match("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]")
    system = first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)')
    virtual = first_match("/proc/cpuinfo", r"^flags\s*:.*\b(hypervisor)\b")
    processor = first_match("/proc/cpuinfo", r"^(?:model name|Model)\s*:(.*)")
    return {
        "processor": processor or platform.machine(),
        "CPUs": f"{os.cpu_count()} CPUs" + (" of a virtual machine" if virtual else ""),
        "memory": f"{memory / (1 << 20):.1f} GiB",
        "pages": f"{os.sysconf('SC_PAGE_SIZE') // 1024} KiB; transparent huge pages: {huge}",
        "system": f"{system or platform.system()}, Linux {platform.release()}, "
        f"{platform.machine()}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def command(arguments):
    """The command line to repeat it with, without this machine's directories."""
    words = ["bench/" + os.path.basename(sys.argv[0])]
    if "KMEM_OPTIONS" in os.environ:
        words.insert(0, "KMEM_OPTIONS=" + shlex.quote(os.environ["KMEM_OPTIONS"]))
    rest = iter(arguments)
    for word in rest:
        option = word.partition("=")[0]
        if option in OUTPUT_OPTIONS:
            if "=" not in word:
                next(rest, None)
            continue
        words.append(shlex.quote(re.sub(r"(^|=)[^=]*/([^/]+)/?$", r"\1PATH/\2", word)))
    return " ".join(words)


def about():
    return {"machine": describe(), "command": command(sys.argv[1:])}


def output_of(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if not done.returncode else ""


def package_versions(names):
    """The installed versions of Debian's packages, by name."""
    versions = {}
    for name in names:
        version = output_of("dpkg-query", "-W", "-f", "${Version}", name)
        if version:
            versions[name] = version
    return versions


def owner(path):
    """The package that a file belongs to; packages know the files by their places before /usr."""
    for place in (path, re.sub(r"^/usr", "", path)):
        answer = output_of("dpkg-query", "-S", place)
        if answer:
            return answer.partition(":")[0]
    return None


def library_version(path):
    """What can be known of a library by itself: its package, or our own commit."""
    package = owner(path) if path else None
    if package:
        return f"{package} {package_versions([package]).get(package, '')}".strip()
    if path and path.startswith(os.path.dirname(HERE) + os.sep):
        commit = output_of("git", "-C", HERE, "describe", "--always", "--dirty", "--tags")
        if commit:
            return f"commit {commit}"
    return None
