# what: z3: made problems over bit-vectors, integers, arrays, quantifiers, strings, reals
# set: full
# limit: 600
# needs: z3
#
# A solver in C++: tens of millions of small blocks, regions, vectors that grow. Verdicts, and values
# that have only one answer, are compared.
# shellcheck shell=bash

cat >factor.smt2 <<'SMT'
(set-logic QF_BV)
(declare-const p (_ BitVec 40))
(declare-const q (_ BitVec 40))
(assert (= (bvmul p q) #x003afb7311))
(assert (bvult p #x0000100000))
(assert (bvult q #x0000100000))
(assert (bvugt p #x0000000001))
(assert (bvugt q #x0000000001))
(check-sat)
(push)
(assert (= p q))
(check-sat)
(pop)
SMT
{
	echo '(set-logic QF_UF)(declare-sort B 0)'
	# Eight pigeons, seven holes.
	for p in {1..8}; do
		for h in {1..7}; do echo "(declare-const x${p}_$h Bool)"; done
		printf '(assert (or'
		for h in {1..7}; do printf ' x%d_%d' "$p" "$h"; done
		echo '))'
	done
	for h in {1..7}; do
		for p in {1..8}; do
			for ((q = p + 1; q <= 8; q++)); do echo "(assert (or (not x${p}_$h) (not x${q}_$h)))"; done
		done
	done
	echo '(check-sat)'
} >pigeons.smt2
{
	# Eight queens, one solution picked by its first rows.
	for r in {0..9}; do echo "(declare-const q$r Int)(assert (and (>= q$r 0) (< q$r 10)))"; done
	for a in {0..9}; do
		for ((b = a + 1; b < 10; b++)); do
			echo "(assert (and (distinct q$a q$b) (distinct (- q$a q$b) $((b - a))) (distinct (- q$b q$a) $((b - a)))))"
		done
	done
	echo '(check-sat)(assert (= q0 q1))(check-sat)'
} >queens.smt2
cat >mixed.smt2 <<'SMT'
(declare-fun f (Int) Int)
(declare-const a (Array Int Int))
(declare-const s String)
(declare-const x Real)
(declare-const y Real)
(push)
(assert (forall ((i Int)) (! (= (f (+ i 1)) (+ (f i) 3)) :pattern ((f i)))))
(assert (= (f 0) 7))
(assert (not (= (f 5) 22)))
(check-sat)
(pop)
(push)
(assert (= (select (store (store a 3 4) 5 6) 3) 5))
(check-sat)
(pop)
(push)
(assert (= (str.++ "ab" s "ef") "abcdef"))
(check-sat)
(eval s)
(pop)
(push)
(assert (= (+ (* 2.0 x) (* 3.0 y)) 12.0))
(assert (= (- x y) 1.0))
(check-sat)
(eval x)
(eval y)
(pop)
(push)
(assert (> (* x x) 2.0))
(assert (< (* x x x) 2.0))
(assert (> x 0.0))
(assert (= (+ (* x x) (* y y)) 1.0))
(check-sat)
(pop)
SMT
for file in factor pigeons queens mixed; do
	echo "$file"
	z3 -smt2 "$file.smt2" 2>&1
done
echo threads
z3 -smt2 parallel.enable=true parallel.threads.max=4 factor.smt2 2>&1
probe_bound z3 -smt2 mixed.smt2
