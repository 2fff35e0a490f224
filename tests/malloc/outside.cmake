# Helpers for the tests that use the library from outside: tests/malloc, tests/misuse, tests/stress.
#
# A test runs its program with LD_PRELOAD set to the shared library of this build. Nothing of the
# library's own headers or options is seen by the programs.

include_guard(DIRECTORY)
find_package(Threads REQUIRED)
find_library(KMEM_CMOCKA_LIBRARY cmocka)
set(KMEM_OUTSIDE_DIR ${CMAKE_CURRENT_LIST_DIR})

# kmem_outside_program(NAME SOURCE...): a program that knows only libc's names.
function(kmem_outside_program name)
	add_executable(${name} ${ARGN})
	target_include_directories(${name} PRIVATE ${KMEM_OUTSIDE_DIR})
	target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
	target_compile_options(${name} PRIVATE -O2 -g -fno-builtin -Wall -Wextra -Wundef -Wshadow
		-Werror $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
		$<$<COMPILE_LANGUAGE:CXX>:-fsized-deallocation>)
	target_link_libraries(${name} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

# kmem_preload_test(LABEL NAME COMMAND...): run under LD_PRELOAD.
function(kmem_preload_test label name)
	add_test(NAME ${label}-${name} COMMAND ${ARGN})
	set_tests_properties(${label}-${name} PROPERTIES
		LABELS ${label}
		TIMEOUT 300
		ENVIRONMENT "LD_PRELOAD=$<TARGET_FILE:kmem>")
endfunction()

# kmem_script_test(LABEL NAME COMMAND...): a script that sets the environment of its children
# itself. Exit code 77 is a skip, said so by the script, and counted as one by ctest.
function(kmem_script_test label name)
	add_test(NAME ${label}-${name} COMMAND ${ARGN})
	set_tests_properties(${label}-${name} PROPERTIES
		LABELS ${label}
		TIMEOUT 300
		SKIP_RETURN_CODE 77)
endfunction()
