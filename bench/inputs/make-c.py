# SPDX-License-Identifier: MIT
"""Prints a C file for a compiler to work on: rows gcc and clang of bench/compare."""

import sys

SHAPES = (
    """
struct s{n} {{ int key; unsigned long sum; struct s{n} *next; char name[{m}]; }};
static unsigned long walk{n}(const struct s{n} *s, int limit)
{{
	unsigned long sum = {m};
	for (int i = 0; s && i < limit; i++, s = s->next) {{
		if (s->key % {m} == {k})
			sum += s->sum ^ (unsigned long)s->name[i % {m}];
		else if (s->key < 0)
			sum -= s->sum << (i & 7);
	}}
	return sum;
}}
""",
    """
static int choose{n}(int a, int b)
{{
	switch (a & 15) {{
	case 0: return b * {m};
	case 1: return b + {k};
	case 2: case 3: return a / (b | 1);
	case 4: for (int i = 0; i < {m}; i++) b += a * i ^ {k}; return b;
	case 5: return choose_any(a - 1, b + 1);
	case 6: return b > a ? b - a : a - b;
	default: return (a ^ b) % {m};
	}}
}}
""",
    """
static void mix{n}(double *x, const double *y, int count)
{{
	double carry = {m}.5;
	for (int i = 1; i + 1 < count; i++) {{
		x[i] = (y[i - 1] + {k} * y[i] + y[i + 1]) / carry;
		carry += x[i] > {m} ? 0.25 : -0.125;
	}}
}}
""",
)


def main():
    count = max(3, 240 * int(sys.argv[1]) // 100)
    print("extern int choose_any(int, int);")
    for n in range(count):
        print(SHAPES[n % 3].format(n=n, m=n % 29 + 3, k=n % 3))
    print("extern void *any(int); long all(int a, double *x, double *y) { long sum = 0;")
    for n in range(count):
        print((f"sum += (long)walk{n}(any({n}), a);", f"sum += choose{n}(a, {n});",
               f"mix{n}(x, y, a);")[n % 3])
    print("return sum; }")


main()
