# SPDX-License-Identifier: MIT
"""What compare refuses, what it keeps of a run, and how a server is told from its client."""

import configparser
import json
import os
import shutil
import subprocess
import unittest

from made import BENCH, BUILD, LIBKMEM, Place

import machine  # of bench, which made has put in the way


class Refusal(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.cleanup)

    def list(self, *arguments):
        return self.place.compare("--build", BUILD, "--no-programs", "--list", *arguments)

    def test_a_library_that_does_not_load(self):
        # The loader says something about this one, and goes on.
        done = self.list("--lib", "text=" + self.place.put("text.so", "no library\n"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("text: did not load", done.stderr)

    def test_a_library_that_is_not_there(self):
        done = self.list("--lib", "none=" + self.place.path("none.so"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("none: no such file", done.stderr)

    def test_a_library_that_ends_the_program(self):
        source = self.place.put(
            "dead.c", "#include <unistd.h>\n"
            "__attribute__((constructor)) static void end(void) { _exit(3); }\n")
        library = self.place.path("dead.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        done = self.list("--lib", "dead=" + library)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not even start", done.stderr)

    def test_names(self):
        for words in (["--lib", "nothing"], ["--lib", f"glibc={LIBKMEM}"],
                      ["--version", "nobody=1"], ["--options", "nothing"],
                      ["--options", "a=stats=1", "--options", "a=stats=0"],
                      ["--json", self.place.path("no/where.json")]):
            done = self.list(*words)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertNotIn("Traceback", done.stderr)

    def test_a_library_that_loads(self):
        done = self.list("--lib", f"libkmem={LIBKMEM}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(os.path.realpath(LIBKMEM), done.stdout)


class Run(unittest.TestCase):
    def test_all_samples_are_kept(self):
        with Place() as place:
            done = place.compare(
                "--build", BUILD, "--lib", f"libkmem={LIBKMEM}", "--only", "^(pairs|perl)$",
                "--options", "told=slabinfo=" + place.path("slabinfo"),
                "--work", "1", "-n", "2", "--linger", "0.05", "--json", "out.json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("slabinfo - version", place.read("slabinfo"))
            document = json.loads(place.read("out.json"))
            rows = {row["name"]: row["samples"] for row in document["rows"]}
            for allocator in ("glibc", "libkmem", "libkmem-told"):
                for row in rows.values():
                    for metric in ("wall", "cpu", "rss", "faults"):
                        self.assertEqual(len(row[allocator][metric]), 2, metric)
                self.assertEqual(len(rows["pairs"][allocator]["after"]), 2)
            self.assertEqual([a["peer"] for a in document["allocators"]], [True, False, False])
            self.assertTrue(document["allocators"][0]["version"])
            self.assertEqual(document["about"]["options"]["work"], 1)
            # The command of another machine: no directory of this one.
            self.assertIn("--lib libkmem=PATH/libkmem.so", document["about"]["command"])
            self.assertNotIn(os.path.dirname(LIBKMEM), json.dumps(document))
            self.assertEqual(
                done.stdout, place.compare("--from", place.path("out.json")).stdout)


class Machine(unittest.TestCase):
    def test_the_command_shows_no_directories(self):
        words = ["--lib", "a=/x/y/liba.so", "--build", "/z/build", "--json=/q/r.json", "--csv",
                 "/q/r.csv", "-n", "5", "--only", "pairs|server", "--version", "a=1 of /b"]
        self.assertTrue(machine.command(words).endswith(
            " --lib a=PATH/liba.so -n 5 --only 'pairs|server'"))

    def test_a_library_of_a_package(self):
        self.assertRegex(machine.library_version(os.path.realpath("/usr/bin/python3")),
                         r"^python3\S* \d")
        self.assertIsNone(machine.library_version("/nowhere/lib.so"))


class Programs(unittest.TestCase):
    def setUp(self):
        self.table = configparser.ConfigParser(interpolation=None)
        self.table.read(os.path.join(BENCH, "programs"))

    def test_rows_are_complete(self):
        known = {"needs", "packages", "setup", "before", "run", "stdin", "own_malloc", "server",
                 "same_output"}
        self.assertLessEqual(
            set("redis memcached sqlite3 rocksdb postgres python ruby lua perl node gcc clang z3 "
                "ghostscript git".split()), set(self.table.sections()))
        for name in self.table.sections():
            row = self.table[name]
            self.assertLessEqual({"needs", "packages", "run"}, set(row), name)
            self.assertLessEqual(set(row), known, name)
            words = (row["run"] + " " + row.get("setup", "")).split()
            for word in (w for w in words if w.startswith("{inputs}/")):
                path = word.format(inputs=os.path.join(BENCH, "inputs"))
                self.assertTrue(os.path.exists(path), path)

    def test_one_command_gets_all_packages(self):
        with Place() as place:
            listed = place.compare("--packages").stdout.split()
        for name in self.table.sections():
            self.assertLessEqual(set(self.table[name]["packages"].split()), set(listed))
        self.assertIn("gnuplot-nox", listed)
        self.assertEqual(len(listed), len(set(listed)))


class Server(unittest.TestCase):
    """A server made of a shell: it waits until its client ends it."""

    def serve(self, client, **environment):
        with Place() as place:
            script = place.path("server.sh")
            with open(script, "w", encoding="ascii") as out:
                out.write(
                    f". {BENCH}/inputs/server.sh\n"
                    f"load() {{\n{client}\n}}\n"
                    "beside load\n"
                    "exec /bin/sh -c 'trap \"exit 7\" TERM; >up; while :; do sleep 0.01; done'\n")
            return subprocess.run(
                ["/bin/sh", script, os.path.join(BENCH, "inputs"), place.name, "1"],
                cwd=place.name,
                env={"PATH": os.environ["PATH"], **environment},
                capture_output=True, text=True, check=False, timeout=60)

    def test_the_shell_becomes_the_server(self):
        self.assertEqual(self.serve("ready test -e up; kill -TERM $server").returncode, 7)

    def test_a_client_that_fails_ends_the_server(self):
        # What follows a failure must not hide it.
        done = self.serve("ready test -e up; echo nonsense; false; true")
        self.assertEqual(done.returncode, -9)
        self.assertIn("the client failed: nonsense", done.stderr)

    def test_a_server_without_the_allocator_fails(self):
        # As when the server's user may not read the library: the loader skips it.
        done = self.serve("ready test -e up; kill -TERM $server", LD_PRELOAD="/no/such/library.so")
        self.assertEqual(done.returncode, -9)
        self.assertIn("the server runs without the allocator", done.stderr)

    def test_the_allocator_is_in_the_server_alone(self):
        library = os.path.realpath(LIBKMEM)
        done = self.serve(
            f"ready test -e up; ! grep -qF {library} /proc/self/maps; kill -TERM $server",
            LD_PRELOAD=library)
        self.assertEqual(done.returncode, 7, done.stderr)


if __name__ == "__main__":
    if not shutil.which("cc"):
        raise SystemExit("no C compiler")
    unittest.main()
