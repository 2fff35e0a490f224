# SPDX-License-Identifier: MIT
"""Prints problems for a solver: the row z3 of bench/compare.

Each kind keeps another part of it busy: clauses and learning (pigeons), bit-vectors turned into
clauses (factors), linear arithmetic that is searched (queens) or large (chain), arrays and instances of
quantifiers (stores).
"""

import sys


def pigeons(holes):
    lines = [f"(declare-const x{p}_{h} Bool)" for p in range(holes + 1) for h in range(holes)]
    for p in range(holes + 1):
        lines.append("(assert (or " + " ".join(f"x{p}_{h}" for h in range(holes)) + "))")
    for h in range(holes):
        for p in range(holes + 1):
            for q in range(p):
                lines.append(f"(assert (not (and x{p}_{h} x{q}_{h})))")
    return lines


def factors(product, bits):
    return [
        f"(declare-const p (_ BitVec {bits}))",
        f"(declare-const q (_ BitVec {bits}))",
        f"(assert (= (bvmul p q) (_ bv{product} {bits})))",
        f"(assert (bvult p (_ bv{1 << bits // 2} {bits})))",
        f"(assert (bvult q (_ bv{1 << bits // 2} {bits})))",
        f"(assert (bvugt p (_ bv1 {bits})))",
        "(assert (bvule p q))",
    ]


def queens(count, first):
    lines = []
    for row in range(count):
        lines.append(f"(declare-const q{row} Int)(assert (and (>= q{row} 0) (< q{row} {count})))")
        for above in range(row):
            lines.append(
                f"(assert (and (distinct q{row} q{above}) "
                f"(distinct (- q{row} q{above}) {row - above}) "
                f"(distinct (- q{above} q{row}) {row - above})))"
            )
    lines.append(f"(assert (= q0 {first}))")
    return lines


def stores(steps):
    lines = [
        "(declare-const a0 (Array Int Int))",
        "(declare-fun f (Int) Int)",
        "(assert (forall ((i Int)) (! (= (f (+ i 1)) (+ (f i) 3)) :pattern ((f i)))))",
        "(assert (= (f 0) 7))",
    ]
    for step in range(steps):
        lines.append(f"(declare-const a{step + 1} (Array Int Int))")
        lines.append(f"(assert (= a{step + 1} (store a{step} {step * 7 % steps} (f {step % 9}))))")
    lines.append(f"(assert (not (= (select a{steps} 0) (f 0))))")
    return lines


def chain(count):
    lines = [f"(declare-const v{i} Int)" for i in range(count)]
    seed = 1
    for i in range(count - 1):
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        j = (seed >> 8) % (i + 1)
        lines.append(
            f"(assert (or (>= v{i + 1} (+ v{j} {seed % 7})) "
            f"(<= (+ v{i + 1} v{i}) (- v{j} {seed % 11}))))"
        )
    lines.append(f"(assert (< v{count - 1} v0))")
    return lines


def main():
    work = int(sys.argv[1])
    problems = []
    for turn in range(max(1, work // 25)):
        problems.append(pigeons(8))
        problems.append(factors((10007 + 2 * turn) * 16001, 28))
        problems.append(queens(12, turn % 12))
        problems.append(chain(2000 + turn))
        problems.append(stores(900 + turn))
    for lines in problems:
        print("\n".join(lines))
        print("(check-sat)\n(reset)")


main()
