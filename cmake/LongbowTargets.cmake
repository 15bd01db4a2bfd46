# The few shapes that a target of this project can have. Each names its dependencies; a DEPS entry
# is a folder of src/ (`payload`), a library of LongbowDependencies (`arrow_flight`, `prometheus`), or any
# CMake target.

# `tests` builds every test program, `fuzzers` every fuzz target.
add_custom_target(tests)
add_custom_target(fuzzers)

# Which precompiled header a folder's sources get: `flight` where Flight and gRPC are included in
# most files, else `arrow`.
set(longbow_flight_pch_folders transport flight peer server)

# Turns DEPS entries into target names.
function(longbow_resolve_deps out)
  set(result)
  foreach(dep IN LISTS ARGN)
    if(dep MATCHES "::" OR dep MATCHES "^longbow_")
      list(APPEND result ${dep})
    elseif(TARGET Longbow::${dep})
      list(APPEND result Longbow::${dep})
    elseif(TARGET ${dep})
      list(APPEND result ${dep})
    else()
      list(APPEND result longbow_${dep})
    endif()
  endforeach()
  set(${out} ${result} PARENT_SCOPE)
endfunction()

# Where the project's own headers are found. The generated longbow/version.h comes with `base`.
set(longbow_own_include_dirs "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")

# The two precompiled headers. Everything that reuses one must be compiled with the same options.
function(longbow_make_precompiled_headers)
  if(NOT LONGBOW_PRECOMPILED_HEADERS OR TARGET longbow_pch_arrow)
    return()
  endif()
  foreach(kind arrow flight)
    add_library(longbow_pch_${kind} STATIC "${PROJECT_SOURCE_DIR}/cmake/pch/pch.cc")
    target_precompile_headers(longbow_pch_${kind} PRIVATE
                              "${PROJECT_SOURCE_DIR}/cmake/pch/${kind}.h")
    target_link_libraries(longbow_pch_${kind} PRIVATE Longbow::arrow)
    target_compile_options(longbow_pch_${kind} PRIVATE ${longbow_warning_flags})
  endforeach()
  target_link_libraries(longbow_pch_flight PRIVATE Longbow::arrow_flight Longbow::grpc)
endfunction()
longbow_make_precompiled_headers()

# Warnings, include folders and the precompiled header `pch` (arrow, flight or none) for `target`.
function(longbow_compile_as_ours target pch)
  target_compile_options(${target} PRIVATE ${longbow_warning_flags})
  if(LONGBOW_PRECOMPILED_HEADERS AND NOT pch STREQUAL "none")
    target_precompile_headers(${target} REUSE_FROM longbow_pch_${pch})
    # The reused header needs Arrow's (and Flight's) include folders even where DEPS has none.
    target_link_libraries(${target} PRIVATE Longbow::arrow)
  endif()
endfunction()

# The precompiled header for something in or testing the folder `name`.
function(longbow_pick_pch out name wanted)
  if(wanted)
    set(${out} ${wanted} PARENT_SCOPE)
  elseif(name IN_LIST longbow_flight_pch_folders)
    set(${out} flight PARENT_SCOPE)
  else()
    set(${out} arrow PARENT_SCOPE)
  endif()
endfunction()

# longbow_sdk_library(SOURCES ... [DEPS ...]): liblongbow.so, what modules link against. Its symbols
# are visible; every other library hides its own.
function(longbow_sdk_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "PCH" "SOURCES;DEPS")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_library(longbow_sdk SHARED ${arg_SOURCES})
  add_library(Longbow::longbow ALIAS longbow_sdk)
  add_library(longbow_base ALIAS longbow_sdk)
  longbow_pick_pch(pch base "${arg_PCH}")
  longbow_compile_as_ours(longbow_sdk ${pch})
  set_target_properties(
    longbow_sdk
    PROPERTIES OUTPUT_NAME longbow
               EXPORT_NAME longbow
               VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}
               CXX_VISIBILITY_PRESET default
               VISIBILITY_INLINES_HIDDEN OFF
               INSTALL_RPATH "$ORIGIN")
  target_include_directories(
    longbow_sdk PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                       "$<INSTALL_INTERFACE:include>")
  target_include_directories(longbow_sdk PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(longbow_sdk PUBLIC Longbow::arrow PRIVATE ${deps})
endfunction()

# longbow_library(NAME SOURCES ... [DEPS ...] [PCH arrow|flight|none]): the static library
# longbow_NAME from src/NAME. Headers are included as "NAME/file.h".
function(longbow_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH" "SOURCES;DEPS")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_library(longbow_${name} STATIC ${arg_SOURCES})
  target_include_directories(longbow_${name} PUBLIC ${longbow_own_include_dirs})
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(longbow_${name} ${pch})
  target_link_libraries(longbow_${name} PUBLIC ${deps})
endfunction()

# longbow_executable(NAME SOURCES ... [DEPS ...] [PCH ...]): build/PRESET/bin/NAME.
function(longbow_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH" "SOURCES;DEPS")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${longbow_own_include_dirs})
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(${name} ${pch})
  target_link_libraries(${name} PRIVATE ${deps})
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
endfunction()

# The tier of a test in this preset: `unit` becomes `asan` or `tsan` under a sanitizer, any other
# tier gets its name in front (`asan-e2e`).
function(longbow_tier out tier)
  set(short_address asan)
  set(short_thread tsan)
  set(short "${short_${LONGBOW_SANITIZER}}")
  if(NOT short)
    set(${out} ${tier} PARENT_SCOPE)
  elseif(tier STREQUAL "unit")
    set(${out} ${short} PARENT_SCOPE)
  else()
    set(${out} ${short}-${tier} PARENT_SCOPE)
  endif()
endfunction()

# Registers the test TIER.NAME, with the tier as its label and the sanitizers' environment.
# longbow_add_test(NAME TIER tier COMMAND ... [TIMEOUT seconds] [ENVIRONMENT A=b ...])
function(longbow_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIER;TIMEOUT" "COMMAND;ENVIRONMENT")
  if(LONGBOW_SANITIZER STREQUAL "fuzzer" AND NOT arg_TIER STREQUAL "fuzz")
    # That preset builds nothing but the fuzz targets.
    return()
  endif()
  longbow_tier(tier ${arg_TIER})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(LONGBOW_SANITIZER)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 3")
  endif()
  add_test(NAME ${tier}.${name} COMMAND ${longbow_test_launcher} ${arg_COMMAND})
  set_tests_properties(
    ${tier}.${name} PROPERTIES LABELS ${tier} TIMEOUT ${arg_TIMEOUT}
                               ENVIRONMENT "${longbow_test_environment};${arg_ENVIRONMENT}")
endfunction()

# longbow_test(NAME SOURCES x_test.cc ... [DEPS ...] [PCH ...] [TIER unit] [TIMEOUT seconds]
# [ENVIRONMENT A=b ...]): the program build/PRESET/tests/NAME_test, run by ctest as TIER.NAME.
function(longbow_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH;TIER;TIMEOUT" "SOURCES;DEPS;ENVIRONMENT")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_executable(${name}_test ${arg_SOURCES})
  target_include_directories(${name}_test PRIVATE ${longbow_own_include_dirs})
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(${name}_test ${pch})
  target_link_libraries(${name}_test PRIVATE ${deps} GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_dependencies(tests ${name}_test)
  if(NOT arg_TIER)
    set(arg_TIER unit)
  endif()
  longbow_add_test(
    ${name}
    TIER ${arg_TIER}
    COMMAND $<TARGET_FILE:${name}_test> --gtest_brief=1
    TIMEOUT "${arg_TIMEOUT}"
    ENVIRONMENT ${arg_ENVIRONMENT})
endfunction()

# longbow_pytest(NAME FILES x_test.py ... [TIER e2e] [TIMEOUT seconds] [ENVIRONMENT A=b ...]): Python
# tests of the built program. They find it with LONGBOW_BINARY, and the rest with LONGBOW_BUILD_DIR and
# LONGBOW_SOURCE_DIR.
function(longbow_pytest name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIER;TIMEOUT" "FILES;ENVIRONMENT")
  if(NOT arg_TIER)
    set(arg_TIER e2e)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 900)
  endif()
  set(files)
  foreach(file IN LISTS arg_FILES)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    list(APPEND files "${file}")
  endforeach()
  longbow_add_test(
    ${name}
    TIER ${arg_TIER}
    COMMAND "${LONGBOW_PYTHON}" -m pytest -q -ra -p no:cacheprovider --rootdir
            "${PROJECT_SOURCE_DIR}" -c "${PROJECT_SOURCE_DIR}/pyproject.toml" ${files}
    TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT
      "LONGBOW_BINARY=${CMAKE_BINARY_DIR}/bin/longbow" "LONGBOW_BUILD_DIR=${CMAKE_BINARY_DIR}"
      "LONGBOW_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "LONGBOW_DEPS_DIR=${LONGBOW_DEPS_DIR}"
      "PYTHONDONTWRITEBYTECODE=1" ${arg_ENVIRONMENT})
endfunction()

# longbow_fuzz(NAME SOURCES x_fuzz.cc ... [DEPS ...] CORPUS folder): sources that define
# LLVMFuzzerTestOneInput. In the preset `fuzz` it is run for LONGBOW_FUZZ_SECONDS (default 10), on the
# seeds and what earlier runs found; in every other preset a plain program feeds it the seeds once.
function(longbow_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS;PCH" "SOURCES;DEPS")
  longbow_resolve_deps(deps ${arg_DEPS})
  cmake_path(ABSOLUTE_PATH arg_CORPUS BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  if(NOT IS_DIRECTORY "${arg_CORPUS}")
    message(FATAL_ERROR "longbow_fuzz(${name}): there is no folder ${arg_CORPUS}")
  endif()
  add_executable(${name}_fuzz ${arg_SOURCES})
  target_include_directories(${name}_fuzz PRIVATE ${longbow_own_include_dirs})
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(${name}_fuzz ${pch})
  target_link_libraries(${name}_fuzz PRIVATE ${deps})
  set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
  if(LONGBOW_SANITIZER STREQUAL "fuzzer")
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name}_fuzz)
    longbow_add_test(
      ${name}
      TIER fuzz
      COMMAND "${PROJECT_SOURCE_DIR}/tools/sanitizers/run-fuzz.sh" $<TARGET_FILE:${name}_fuzz>
              "${CMAKE_BINARY_DIR}/fuzz/${name}.found" "${arg_CORPUS}"
      TIMEOUT 1200)
  else()
    target_sources(${name}_fuzz PRIVATE "${PROJECT_SOURCE_DIR}/cmake/fuzz/replay.cc")
    add_dependencies(tests ${name}_fuzz)
    longbow_add_test(
      ${name}_corpus
      TIER unit
      COMMAND $<TARGET_FILE:${name}_fuzz> "${arg_CORPUS}")
  endif()
endfunction()

# longbow_module(NAME SOURCES ... [DEPS ...]): the module liblongbow_NAME.so. It sees the SDK's
# headers, its own folder and what DEPS brings, and nothing of src/.
function(longbow_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "PCH" "SOURCES;DEPS")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_library(longbow_module_${name} MODULE ${arg_SOURCES})
  longbow_pick_pch(pch module_${name} "${arg_PCH}")
  longbow_compile_as_ours(longbow_module_${name} ${pch})
  target_link_libraries(longbow_module_${name} PRIVATE Longbow::longbow ${deps})
  set_target_properties(
    longbow_module_${name}
    PROPERTIES OUTPUT_NAME longbow_${name}
               LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib/longbow/modules"
               INSTALL_RPATH "$ORIGIN/../..")
  set_property(GLOBAL APPEND PROPERTY LONGBOW_MODULES longbow_module_${name})
  if(NOT arg_NO_INSTALL)
    install(TARGETS longbow_module_${name} LIBRARY DESTINATION lib/longbow/modules)
  endif()
endfunction()

# longbow_proto_library(PROTOS file.proto ...): the static library longbow_proto with the messages'
# generated C++, included as "longbow/v1/file.pb.h". Only the server's program may link it: a second
# copy in the same process would register the same names twice, which ends the process.
function(longbow_proto_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "PROTOS")
  set(out "${CMAKE_CURRENT_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  set(generated)
  foreach(proto IN LISTS arg_PROTOS)
    file(RELATIVE_PATH relative "${CMAKE_CURRENT_SOURCE_DIR}" "${proto}")
    string(REGEX REPLACE "\\.proto$" "" stem "${relative}")
    set(files "${out}/${stem}.pb.h" "${out}/${stem}.pb.cc")
    add_custom_command(
      OUTPUT ${files}
      COMMAND ${LONGBOW_PROTOC} "-I${CMAKE_CURRENT_SOURCE_DIR}" "--cpp_out=${out}" "${proto}"
      DEPENDS "${proto}"
      COMMENT "Generating C++ of ${relative}"
      VERBATIM)
    list(APPEND generated ${files})
  endforeach()
  add_library(longbow_proto STATIC ${generated})
  target_compile_options(longbow_proto PRIVATE -w)
  target_include_directories(longbow_proto SYSTEM PUBLIC "${out}")
  target_link_libraries(longbow_proto PUBLIC Longbow::grpc)
endfunction()
