# What the compiler cases share: every object file of the project, and a C++ file that is all
# templates, compiled by the compiler under test; the objects' checksums are the output.
#
# A compiler's result must not depend on where its memory came from, so objects from both runs must
# be the same to the byte. cmake runs without the preload here, to learn the commands; it has a case
# of its own.
#
# shellcheck shell=bash

# The tree both runs compile: the one the plain run saw, in case it is being worked on.
take_source() {
	if [[ $CASE_SIDE = plain ]]; then
		rm -rf "$CASE_KEEP/source"
		mkdir "$CASE_KEEP/source"
		tar -C "$CASE_ROOT" --exclude=./build --exclude=./.git -cf - . | tar -C "$CASE_KEEP/source" -xf -
	fi
	cp -a "$CASE_KEEP/source" source
}

# The objects of a build directory, by name and content.
objects() { # DIRECTORY
	(cd "$1" && find . -name '*.o' -type f -print0 | sort -z | xargs -0 -r sha256sum)
}

compile_project() { # C-COMPILER C++-COMPILER
	local count
	take_source
	env -u LD_PRELOAD cmake -S source -B build -G Ninja -DCMAKE_C_COMPILER="$1" \
		-DCMAKE_CXX_COMPILER="$2" -DCMAKE_BUILD_TYPE=Release '-DCMAKE_C_FLAGS_RELEASE=-O2 -g' \
		'-DCMAKE_CXX_FLAGS_RELEASE=-O2 -g' >cmake.log 2>&1 || { cat cmake.log >&2 && fail "cmake failed"; }
	# One command a line; only the library itself, the rest is cmake-ninja's.
	perl -MJSON::PP -e '
		local $/;
		for (@{ decode_json(<>) }) {
			next unless $_->{file} =~ m{/source/(src|LD_PRELOAD)/};
			my ($o) = $_->{command} =~ / -o (\S+)/;
			print "mkdir -p $_->{directory}/\$(dirname $o) && cd $_->{directory} && $_->{command}\n";
		}' build/compile_commands.json >commands
	count=$(wc -l <commands)
	((count > 3)) || fail "only $count commands to run"
	xargs -d '\n' -P 2 -n 1 sh -c <commands
	objects build
}

compile_templates() { # C++-COMPILER
	cat >templates.cc <<-'CPP'
		#include <algorithm>
		#include <functional>
		#include <iostream>
		#include <map>
		#include <regex>
		#include <sstream>
		#include <string>
		#include <tuple>
		#include <unordered_map>
		#include <variant>
		#include <vector>
		template <int N> struct level {
			using type = std::map<std::tuple<std::string, level<N - 1>*>, std::vector<typename level<N - 1>::type>>;
		};
		template <> struct level<0> {
			using type = std::variant<int, std::string, std::vector<double>>;
		};
		template <int N> long sum(long n) {
			if constexpr (N == 0) return n;
			else return sum<N - 1>(n + N) * 3 % 1000003;
		}
		int main() {
			std::unordered_map<std::string, std::function<long(long)>> f;
			f["deep"] = sum<300>;
			level<3>::type nested;
			std::regex e("(a|b)*c[0-9]{2,}");
			std::ostringstream out;
			std::vector<std::string> v;
			for (int i = 0; i < 2000; i++) v.push_back(std::string(i % 7, 'a') + "c" + std::to_string(i));
			std::sort(v.begin(), v.end(), [](const auto &a, const auto &b) { return a > b; });
			out << f["deep"](7) << ' ' << nested.size() << ' '
			    << std::count_if(v.begin(), v.end(), [&](const auto &s) { return std::regex_match(s, e); });
			std::cout << out.str() << '\n';
		}
	CPP
	"$1" -std=c++17 -O2 -g -c templates.cc -o templates.o
	"$1" -std=c++17 -O3 -S templates.cc -o templates.s
	"$1" -std=c++17 -O1 -E templates.cc -o templates.ii
	sha256sum templates.o templates.s templates.ii
	"$1" templates.o -o templates
	./templates
	sha256sum templates
}
