# What shows a program while it runs: kmem top, slabtop, sysfs, explain-rss, and the file that follows.

find_package(Python3 COMPONENTS Interpreter REQUIRED)

# The parts of the command that need no target, through their own interface.
function(kmem_tool_part name)
	list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/tools/kmem/ OUTPUT_VARIABLE sources)
	add_executable(tools_${name} ${name}.c ${sources})
	target_include_directories(tools_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tools/kmem)
	target_link_libraries(tools_${name} PRIVATE kmem_flags ${KMEM_CMOCKA_LIBRARY}
		Threads::Threads)
	add_test(NAME tools-${name} COMMAND tools_${name})
	set_tests_properties(tools-${name} PROPERTIES LABELS tools TIMEOUT 300)
endfunction()
kmem_tool_part(livefile livefile.c)
kmem_tool_part(pagemap proc_pagemap.c proc_smaps.c)

kmem_outside_program(tools_holder holder.c)
target_include_directories(tools_holder PRIVATE ${PROJECT_SOURCE_DIR}/include)
kmem_outside_program(tools_threads threads.cc)

kmem_outside_program(tools_sysfs_caches sysfs_caches.c)
target_include_directories(tools_sysfs_caches PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(tools_sysfs_caches PRIVATE kmem)

foreach(name top slabtop follow)
	kmem_script_test(tools ${name} ${CMAKE_CURRENT_SOURCE_DIR}/${name}.sh
		$<TARGET_FILE:kmem_tool> $<TARGET_FILE:kmem> $<TARGET_FILE:tools_holder>
		$<TARGET_FILE:tools_sysfs_caches>)
endforeach()
kmem_script_test(tools explain-rss ${Python3_EXECUTABLE}
	${CMAKE_CURRENT_SOURCE_DIR}/explain_rss.py $<TARGET_FILE:kmem_tool> $<TARGET_FILE:kmem>
	$<TARGET_FILE:tools_holder> $<TARGET_FILE:tools_threads>)

kmem_script_test(tools sysfs ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/sysfs.py
	$<TARGET_FILE:kmem_tool> $<TARGET_FILE:tools_sysfs_caches>)
