# SPDX-License-Identifier: MIT
"""What compare prints and draws follows from saved samples, and files that are none are refused."""

import csv
import os
import platform
import re
import unittest
import xml.etree.ElementTree

from made import Place, saved


def line_of(text, start, after=""):
    """The words of the line that begins so, behind the place where after stands."""
    for line in text[text.index(after) :].splitlines():
        if line.startswith(start):
            return [word for word in re.split(r"[\s|]+", line) if word]
    raise AssertionError(f"no line begins with {start}")


class FromFile(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.cleanup)

    def accepted(self, *arguments):
        done = self.place.compare(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, why, *arguments):
        done = self.place.compare(*arguments)
        self.assertEqual(done.returncode, 1)
        self.assertIn(why, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_ratios_are_of_medians_to_the_best_peer(self):
        text = self.accepted("--from", self.place.put("a.json", saved()))
        wall = "Wall time"
        self.assertEqual(
            line_of(text, "one", wall), ["one", "2.000", "s", "glibc", "1.00", "2.00", "0.50*", "100%"]
        )
        self.assertEqual(
            line_of(text, "two", wall), ["two", "4.000", "s", "other", "2.00", "1.00*", "1.25", "12%"]
        )
        # Roots of 1 * 2, 2 * 1 and 0.5 * 1.25.
        self.assertEqual(line_of(text, "geometric", wall)[2:], ["1.41", "1.41", "0.79"])

    def test_a_failed_run_gives_no_figure(self):
        document = saved()
        document["failures"] = [{"row": "two", "allocator": "other", "why": "died of SIGSEGV"}]
        text = self.accepted(
            "--from", self.place.put("a.json", document), "--report", self.place.path("r.md"))
        self.assertEqual(line_of(text, "two")[1:], ["8.000", "s", "glibc", "1.00", "-", "0.62*", "0%"])
        self.assertIn("two on other: died of SIGSEGV", text)
        page = self.place.read("r.md")
        self.assertIn("- two on other: died of SIGSEGV", page)
        self.assertIn("| two | lowest | 1.00 (8.00) | - | **0.62** (5.00) | 0% |", page)

    def test_libkmem_stands_against_peers_alone(self):
        document = saved()
        document["allocators"].append({"name": "libkmem-x", "peer": False, "version": "abc"})
        for row in document["rows"]:
            row["samples"]["libkmem-x"] = {
                key: [value / 4 for value in values]
                for key, values in row["samples"]["libkmem"].items()
            }
        self.accepted(
            "--from", self.place.put("a.json", document), "--report", self.place.path("r.md"))
        self.assertIn("| one | lowest | 1.00 (2.00) | 2.00 (4.00) | 0.50 (1.00) | **0.12** (0.25) |",
                      self.place.read("r.md"))

    def test_csv_has_medians_and_ratios(self):
        self.accepted("--from", self.place.put("a.json", saved()), "--csv", self.place.path("a.csv"))
        with open(self.place.path("a.csv"), encoding="utf-8") as source:
            rows = {(row["row"], row["allocator"]): row for row in csv.DictReader(source)}
        row = rows["two", "libkmem"]
        self.assertEqual((row["runs"], row["wall"], row["wall_ratio"]), ("3", "5", "1.25"))
        self.assertEqual(row["after"], "")

    def test_json_comes_back_as_it_was(self):
        first = self.place.put("a.json", saved())
        text = self.accepted("--from", first, "--json", self.place.path("b.json"))
        self.assertEqual(text, self.accepted("--from", self.place.path("b.json")))

    def test_files_are_put_together(self):
        whole = self.accepted("--from", self.place.put("a.json", saved()))
        one = self.place.put("1.json", saved(["one"]))
        two = self.place.put("2.json", saved(["two"]))
        self.assertEqual(whole, self.accepted("--from", one, "--from", two))
        # More rounds of the same row: 2, 1, 9 and 1, 1, 1.
        more = saved(["one"])
        more["rows"][0]["samples"]["glibc"]["wall"] = [1, 1, 1]
        text = self.accepted("--from", one, "--from", self.place.put("3.json", more))
        self.assertEqual(line_of(text, "one")[1:3], ["1.000", "s"])

    def test_the_page_of_several_files_has_all_commands(self):
        one, two = saved(["one"]), saved(["two"])
        two["about"].update(command="bench/compare --only two", packages={"sorting": "4"})
        arguments = []
        for name, document in (("1", one), ("2", two), ("3", two)):
            arguments += ["--from", self.place.put(name + ".json", document)]
        self.accepted(*arguments, "--report", self.place.path("r.md"))
        page = self.place.read("r.md")
        self.assertEqual(page.count("bench/compare --only two\n"), 1)
        self.assertIn("bench/compare -n 3\n", page)
        self.assertIn("counting 1.2-3, sorting 4.", page)
        self.assertIn("Medians of 3 to 6 interleaved", page)

    def test_what_is_no_saved_comparison_is_refused(self):
        self.refused("No such file", "--from", self.place.path("none.json"))
        self.refused("--from", "--from", self.place.put("a.json", "{"))
        self.refused("format", "--from", self.place.put("a.json", "[]"))
        document = saved()
        document["format"] = 1
        self.refused("format", "--from", self.place.put("a.json", document))
        document = saved()
        del document["rows"][0]["samples"]
        self.refused("samples", "--from", self.place.put("a.json", document))

    def test_other_allocators_are_not_put_together(self):
        other = saved()
        other["allocators"][2]["version"] = "commit def"
        self.refused("other allocators", "--from", self.place.put("a.json", saved()),
                     "--from", self.place.put("b.json", other))

    def test_other_amounts_of_work_are_not_put_together(self):
        other = saved()
        other["about"]["options"]["work"] = 5
        self.refused("work", "--from", self.place.put("a.json", saved()),
                     "--from", self.place.put("b.json", other))

    def test_versions_can_be_named(self):
        path = self.place.put("a.json", saved())
        self.accepted("--from", path, "--version", "other=9.8", "--report", self.place.path("r.md"))
        self.assertIn("| other | 9.8 |", self.place.read("r.md"))
        self.refused("want NAME=TEXT", "--from", path, "--version", "nobody=1")
        self.refused("want NAME=TEXT", "--from", path, "--version", "other")


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.cleanup)
        path = cls.place.put("a.json", saved())
        cls.done = cls.place.compare("--from", path, "--report", cls.place.path("page.md"))
        cls.text = cls.place.read("page.md")

    def test_it_is_written(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))

    def test_the_machine_and_the_versions_are_those_of_the_file(self):
        for words in ("| processor | an abacus |", "| glibc | libc6 2.0 |", "| other | not known |",
                      "| libkmem | commit abc |", "counting 1.2-3", "bench/compare -n 3",
                      "Medians of 3 interleaved rounds, 100% of the work, on the CPUs 0:"):
            self.assertIn(words, self.text)
        self.assertNotIn(platform.node(), re.findall(r"[\w.-]+", self.text))
        self.assertNotIn(self.place.name, self.text)

    def test_a_cell_has_ratio_and_median(self):
        wall = self.text[self.text.index("## Wall") : self.text.index("## CPU")]
        self.assertIn("| one | lowest | 1.00 (2.00) | 2.00 (4.00) | **0.50** (1.00) | 100% |", wall)
        self.assertIn("| two | +25% | 2.00 (8.00) | **1.00** (4.00) | 1.25 (5.00) | 12% |", wall)
        self.assertIn("| **geometric mean** |  | 1.41 | 1.41 | 0.79 |  |", wall)

    def test_a_row_says_how_it_stands(self):
        rss = self.text[self.text.index("## Peak") : self.text.index("## RSS after")]
        self.assertIn("| one | lowest |", rss)
        self.assertIn("| two | within 5% |", rss)

    def test_the_summary_follows_from_the_tables(self):
        self.assertIn("| libkmem | 0.79 | 0.79 | 1.02 | 1.00 |", self.text)
        self.assertIn("| *rows* | 2 | 2 | 2 | 1 |", self.text)
        # All, workloads, programs; ahead in one row, within 5% in one.
        self.assertIn("| Wall time | 0.79 | 0.50 | 1.25 | 1 of 2 | 1 of 2 |", self.text)
        self.assertIn("| Peak RSS | 1.02 | 1.00 | 1.04 | 1 of 2 | 2 of 2 |", self.text)
        self.assertIn("| Wall time | two 1.25 (other) |", self.text)
        self.assertIn("| RSS after the work | none |", self.text)

    def test_its_pictures_are_there_and_drawn(self):
        files = re.findall(r"!\[[^]]*\]\((page/[a-z]+\.svg)\)", self.text)
        self.assertEqual(sorted(files), [f"page/{name}.svg" for name in
                                         ("after", "cpu", "means", "rss", "wall")])
        for file in files:
            path = self.place.path(file)
            self.assertLess(os.path.getsize(path), 60000)
            texts = "".join(xml.etree.ElementTree.parse(path).getroot().itertext())
            for word in ("glibc", "other", "libkmem") if "means" in file else ("one", "libkmem"):
                self.assertIn(word, texts)


if __name__ == "__main__":
    unittest.main()
