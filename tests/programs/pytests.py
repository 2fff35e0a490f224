"""Runs modules of Python's own test suite and prints one line for every single test.

The oracle is the plain run: a test that fails without the library is not judged with it, and the
library must not make a passing test fail, vanish or be skipped. The plain run leaves its results
in CASE_KEEP for the preloaded one to know them. A module in which a test fails only with the
library is run again, at most twice, since some of these tests watch a clock on a busy machine; one
that then passes is mentioned in the notes, every time, so that a rare fault does not stay unseen.

usage: pytests.py JOBS MODULE...
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

WORK = os.environ["CASE_WORK"]
KEEP = os.environ["CASE_KEEP"] + "/python-plain.json"
PLAIN = os.environ["CASE_SIDE"] == "plain"
# In a virtual machine these wait for the machine's host, who never calls.
IGNORED = "*VSOCK*"
# Worst first: a name may stand for several subtests.
ORDER = ["failed", "passed", "skipped"]


def note(text):
    with open(os.environ["CASE_NOTES"], "a") as f:
        f.write(text + "\n")


def probe():
    with open("/proc/self/maps") as f:
        there = os.environ["CASE_LIB"] in f.read()
    with open(os.environ["CASE_PROBE"], "a") as f:
        f.write("%s python (its own maps)\n" % ("yes" if there else "no"))


def run(module):
    """Returns {name of test: result}, with the module itself under its own name."""
    report = "%s/%s.xml" % (WORK, module)
    if os.path.exists(report):
        os.remove(report)
    done = subprocess.run(
        [sys.executable, "-m", "test", "--timeout", "1500", "--junit-xml", report,
         "--ignore", IGNORED, module],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    results = {module: "passed" if done.returncode == 0 else "failed"}
    if os.path.exists(report):
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            result = "passed"
            if case.find("failure") is not None or case.find("error") is not None:
                result = "failed"
            elif case.find("skipped") is not None or case.get("result") == "skipped":
                result = "skipped"
            name = module + ": " + re.sub(r"0x[0-9a-f]+", "0x", case.get("name"))
            results[name] = min(result, results.get(name, "skipped"), key=ORDER.index)
    with open("%s/%s.log" % (WORK, module), "a") as f:
        f.write(text)
    return results, "%s, exit status %d:\n%s" % (module, done.returncode, text[-3000:])


def run_all(jobs, modules):
    results, texts = {}, {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for module, (found, text) in zip(modules, pool.map(run, modules)):
            results.update(found)
            texts[module] = text
    return results, texts


def main():
    jobs, modules = int(sys.argv[1]), sys.argv[2:]
    probe()
    results, texts = run_all(jobs, modules)
    if PLAIN:
        # A module that died on the way would leave nothing to compare with.
        for module in modules:
            if not any(name.startswith(module + ": ") for name in results):
                sys.stderr.write(texts[module])
                again, texts[module] = run(module)
                results.update(again)
                if len(again) == 1:
                    sys.exit("%s gives no results without the library" % module)
        with open(KEEP, "w") as f:
            json.dump(results, f)
    with open(KEEP) as f:
        plain = json.load(f)

    def worse():
        return [n for n, r in plain.items() if r != "failed" and results.get(n) != r]

    for _ in range(2):
        for module in sorted({name.split(":")[0] for name in worse()}):
            sys.stderr.write(texts[module])
            again, texts[module] = run(module)
            for name in worse():
                if name.split(":")[0] == module and again.get(name) == plain[name]:
                    note("%s: %s at first, %s when tried again"
                         % (name, results.get(name, "vanished"), plain[name]))
                    results[name] = plain[name]

    for name in sorted(set(plain) | set(results)):
        if plain.get(name) == "failed":
            print(name, "(fails plainly)")
        else:
            print(name, results.get(name, "vanished"))
    count = {r: sum(1 for x in plain.values() if x == r) for r in ORDER}
    if PLAIN:
        note("%(passed)d tests pass plainly, %(failed)d fail, %(skipped)d are skipped" % count)
        for name in sorted(n for n, r in plain.items() if r == "failed" and ":" in n):
            note("fails plainly, not judged: " + name)
    if count["passed"] < 10 * len(modules):
        sys.exit("hardly anything passes without the library: is the test suite there?")


main()
