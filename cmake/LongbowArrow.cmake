# Arrow C++ as Longbow::arrow, arrow_compute, arrow_acero, arrow_dataset, parquet, arrow_flight.
#
# Used in two places: by this build, and by the installed package (LongbowConfig.cmake), so that a
# module is compiled against the very Arrow that the server runs.
#
# An Arrow that find_package() knows (distribution, conda, vcpkg, an own build) is taken if it has
# all the parts. Otherwise LONGBOW_ARROW_ROOT is taken, a folder with include/ and lib/.

set(LONGBOW_ARROW_MIN_VERSION 26)
option(LONGBOW_USE_SYSTEM_ARROW "Prefer an Arrow that find_package() knows" ON)

# Sets `out` to the version in arrow/util/config.h under `include_dir`, or to nothing.
function(longbow_arrow_header_version include_dir out)
  set(version "")
  if(EXISTS "${include_dir}/arrow/util/config.h")
    file(STRINGS "${include_dir}/arrow/util/config.h" line REGEX "define ARROW_VERSION_STRING ")
    string(REGEX REPLACE ".*\"([^\"]+)\".*" "\\1" version "${line}")
  endif()
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Makes Longbow::`name` an alias in all but name: an interface over the target `real`.
function(longbow_arrow_wrap name real)
  if(NOT TARGET Longbow::${name})
    add_library(Longbow::${name} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(Longbow::${name} INTERFACE ${real})
  endif()
endfunction()

# Takes Arrow from find_package(); sets `out` to whether every part was there.
function(longbow_arrow_from_system out)
  set(${out} FALSE PARENT_SCOPE)
  find_package(Arrow ${LONGBOW_ARROW_MIN_VERSION} CONFIG QUIET)
  if(NOT Arrow_FOUND)
    return()
  endif()
  foreach(part ArrowCompute ArrowAcero ArrowDataset Parquet ArrowFlight)
    find_package(${part} ${LONGBOW_ARROW_MIN_VERSION} CONFIG QUIET)
    if(NOT ${part}_FOUND)
      message(STATUS "Arrow ${Arrow_VERSION} was found, but not its part ${part}: not used")
      return()
    endif()
  endforeach()
  longbow_arrow_wrap(arrow Arrow::arrow_shared)
  longbow_arrow_wrap(arrow_compute ArrowCompute::arrow_compute_shared)
  longbow_arrow_wrap(arrow_acero ArrowAcero::arrow_acero_shared)
  longbow_arrow_wrap(arrow_dataset ArrowDataset::arrow_dataset_shared)
  longbow_arrow_wrap(parquet Parquet::parquet_shared)
  longbow_arrow_wrap(arrow_flight ArrowFlight::arrow_flight_shared)
  set(LONGBOW_ARROW_VERSION "${Arrow_VERSION}" PARENT_SCOPE)
  set(${out} TRUE PARENT_SCOPE)
endfunction()

# One shared library of the folder `root`, as Longbow::`name`.
function(longbow_arrow_bundled root name soversion)
  if(TARGET Longbow::${name})
    return()
  endif()
  set(file "lib${name}.so.${soversion}")
  if(NOT EXISTS "${root}/lib/${file}")
    message(FATAL_ERROR "${root}/lib/${file} is missing: run `./dev setup`")
  endif()
  add_library(Longbow::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(
    Longbow::${name}
    PROPERTIES IMPORTED_LOCATION "${root}/lib/${file}"
               IMPORTED_SONAME "${file}"
               INTERFACE_INCLUDE_DIRECTORIES "${root}/include"
               INTERFACE_COMPILE_FEATURES cxx_std_20)
  if(ARGN)
    set_target_properties(Longbow::${name} PROPERTIES INTERFACE_LINK_LIBRARIES "${ARGN}")
  endif()
endfunction()

# Takes Arrow from LONGBOW_ARROW_ROOT.
function(longbow_arrow_from_root)
  set(root "${LONGBOW_ARROW_ROOT}")
  longbow_arrow_header_version("${root}/include" version)
  if(version STREQUAL "")
    message(FATAL_ERROR "No Arrow >= ${LONGBOW_ARROW_MIN_VERSION}: find_package() knows none and "
                        "${root} holds none. Run `./dev setup`, or give CMake its folder with "
                        "-DCMAKE_PREFIX_PATH=FOLDER")
  endif()
  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" ignored "${version}")
  math(EXPR soversion "${CMAKE_MATCH_1} * 100 + ${CMAKE_MATCH_2}")
  longbow_arrow_bundled("${root}" arrow ${soversion})
  longbow_arrow_bundled("${root}" arrow_compute ${soversion} Longbow::arrow)
  longbow_arrow_bundled("${root}" arrow_acero ${soversion} Longbow::arrow_compute Longbow::arrow)
  longbow_arrow_bundled("${root}" parquet ${soversion} Longbow::arrow)
  longbow_arrow_bundled("${root}" arrow_dataset ${soversion} Longbow::arrow_acero Longbow::parquet
                        Longbow::arrow)
  longbow_arrow_bundled("${root}" arrow_flight ${soversion} Longbow::arrow)
  set(LONGBOW_ARROW_VERSION "${version}" PARENT_SCOPE)
endfunction()

set(LONGBOW_ARROW_BUNDLED FALSE)
set(longbow_arrow_found FALSE)
if(LONGBOW_USE_SYSTEM_ARROW)
  longbow_arrow_from_system(longbow_arrow_found)
endif()
if(NOT longbow_arrow_found)
  longbow_arrow_from_root()
  set(LONGBOW_ARROW_BUNDLED TRUE)
endif()
