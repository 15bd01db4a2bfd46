# The few shapes that a target of this project can have. Each names its dependencies; a DEPS entry
# is a folder of src/ (`payload`), a library of LongbowDependencies (`arrow_flight`, `spdlog`), or any
# CMake target.

include(GoogleTest)

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
  target_include_directories(longbow_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src"
                                                    "${PROJECT_SOURCE_DIR}/include")
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(longbow_${name} ${pch})
  target_link_libraries(longbow_${name} PUBLIC ${deps})
endfunction()

# longbow_executable(NAME SOURCES ... [DEPS ...] [PCH ...]): build/PRESET/bin/NAME.
function(longbow_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH" "SOURCES;DEPS")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src"
                                             "${PROJECT_SOURCE_DIR}/include")
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(${name} ${pch})
  target_link_libraries(${name} PRIVATE ${deps})
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
endfunction()

# longbow_test(NAME SOURCES x_test.cc ... [DEPS ...] [PCH ...] [LABEL unit] [TIMEOUT seconds]): the
# program NAME_test, run by ctest as one test with the label `unit` (or LABEL).
function(longbow_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH;LABEL;TIMEOUT" "SOURCES;DEPS;ENVIRONMENT")
  longbow_resolve_deps(deps ${arg_DEPS})
  add_executable(${name}_test ${arg_SOURCES})
  target_include_directories(${name}_test PRIVATE "${PROJECT_SOURCE_DIR}/src"
                                                  "${PROJECT_SOURCE_DIR}/include")
  longbow_pick_pch(pch ${name} "${arg_PCH}")
  longbow_compile_as_ours(${name}_test ${pch})
  target_link_libraries(${name}_test PRIVATE ${deps} GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name}_test COMMAND ${name}_test --gtest_brief=1)
  set_tests_properties(
    ${name}_test PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT}
                            ENVIRONMENT "${longbow_test_environment};${arg_ENVIRONMENT}")
  set_property(GLOBAL APPEND PROPERTY LONGBOW_TESTS_${arg_LABEL} ${name}_test)
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
# and services' generated C++, included as "longbow/v1/file.pb.h". Only the server's program may link
# it: a second copy in the same process would register the same names twice, which ends the process.
function(longbow_proto_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "PROTOS")
  set(out "${CMAKE_CURRENT_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  set(generated)
  foreach(proto IN LISTS arg_PROTOS)
    file(RELATIVE_PATH relative "${CMAKE_CURRENT_SOURCE_DIR}" "${proto}")
    string(REGEX REPLACE "\\.proto$" "" stem "${relative}")
    set(files "${out}/${stem}.pb.h" "${out}/${stem}.pb.cc" "${out}/${stem}.grpc.pb.h"
              "${out}/${stem}.grpc.pb.cc")
    add_custom_command(
      OUTPUT ${files}
      COMMAND ${LONGBOW_PROTOC} "-I${CMAKE_CURRENT_SOURCE_DIR}" "--cpp_out=${out}"
              "--grpc_out=${out}" "--plugin=protoc-gen-grpc=${LONGBOW_GRPC_CPP_PLUGIN}" "${proto}"
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
