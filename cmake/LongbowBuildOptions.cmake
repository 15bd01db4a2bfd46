# How everything of this project is compiled: the language, warnings, sanitizers, the linker, the
# compiler cache, where build products lie and how they find their libraries.

option(LONGBOW_WARNINGS_AS_ERRORS "Treat warnings in the project's own code as errors" OFF)
set(LONGBOW_SANITIZER "" CACHE STRING "Empty, address, thread or fuzzer")
set_property(CACHE LONGBOW_SANITIZER PROPERTY STRINGS "" address thread fuzzer)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Every object is compiled alike, programs too (not -fPIE): else they could not share precompiled
# headers. Calls inside a shared library are bound there.
add_compile_options(-fPIC -pthread -fno-semantic-interposition)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or Sanitize" FORCE)
endif()
# -g1 keeps backtraces with line numbers at a fraction of the size and link time of -g.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
# Assertions stay on under the sanitizers.
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")

# What tests run with: Arrow, gRPC and DuckDB are prebuilt, so the sanitizers see only half of what
# they do; the suppressions say what is known to be theirs.
set(longbow_suppressions "${CMAKE_CURRENT_SOURCE_DIR}/tools/sanitizers")
set(longbow_test_environment)
set(longbow_test_launcher)
if(LONGBOW_SANITIZER STREQUAL "address")
  # The virtual-table check needs the type information of classes that the prebuilt Arrow hides.
  set(longbow_sanitizer_flags -fsanitize=address,undefined -fno-sanitize=vptr
      -fno-sanitize-recover=undefined)
elseif(LONGBOW_SANITIZER STREQUAL "thread")
  set(longbow_sanitizer_flags -fsanitize=thread)
  # Under the compiler's macro the headers of Protobuf and Abseil lay out their classes in another way
  # than the prebuilt libraries do. The standard library's has to know all the same.
  add_compile_options(-U__SANITIZE_THREAD__)
  add_compile_definitions(_GLIBCXX_TSAN=1 LONGBOW_THREAD_SANITIZER=1)
elseif(LONGBOW_SANITIZER STREQUAL "fuzzer")
  set(longbow_sanitizer_flags -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=vptr,function
      -fno-sanitize-recover=undefined)
elseif(LONGBOW_SANITIZER)
  message(FATAL_ERROR "LONGBOW_SANITIZER is '${LONGBOW_SANITIZER}': use address, thread or fuzzer")
endif()
if(LONGBOW_SANITIZER)
  add_compile_options(${longbow_sanitizer_flags})
  add_link_options(${longbow_sanitizer_flags})
  set(longbow_test_launcher "${longbow_suppressions}/run.sh")
  string(
    CONCAT asan_options
           "ASAN_OPTIONS=detect_container_overflow=0:detect_stack_use_after_return=1:"
           "strict_string_checks=1:check_initialization_order=1:"
           "suppressions=${longbow_suppressions}/asan.supp")
  list(
    APPEND
    longbow_test_environment
    "${asan_options}"
    "LSAN_OPTIONS=print_suppressions=0:suppressions=${longbow_suppressions}/lsan.supp"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=ignore_noninstrumented_modules=1:history_size=4:second_deadlock_stack=1:suppressions=${longbow_suppressions}/tsan.supp"
  )
endif()

set(longbow_warning_flags -Wall -Wextra -Wno-unused-parameter)
if(LONGBOW_WARNINGS_AS_ERRORS)
  list(APPEND longbow_warning_flags -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports false positives of these through the standard library's and Arrow's inlines.
  list(APPEND longbow_warning_flags -Wno-maybe-uninitialized -Wno-array-bounds
       -Wno-stringop-overflow -Wno-restrict -Wno-stringop-overread -Wno-dangling-pointer)
endif()

# A link of the server takes under a second with mold; without mold the default linker serves.
find_program(LONGBOW_MOLD mold)
if(LONGBOW_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(LONGBOW_CCACHE ccache)
if(LONGBOW_CCACHE)
  # The sloppiness lets it cache what uses a precompiled header; paths relative to the source folder let
  # clones in different folders share results.
  set(longbow_ccache_launcher
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;CCACHE_NOHASHDIR=1"
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR};${LONGBOW_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${longbow_ccache_launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${longbow_ccache_launcher})
endif()
# No folder of this machine in what is built.
add_compile_options("-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.")
option(LONGBOW_PRECOMPILED_HEADERS "Precompile Arrow's, Flight's and gRPC's headers" ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/archive")
