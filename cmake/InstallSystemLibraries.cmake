# Run by `cmake --install`: copies the distribution's shared libraries that the installed programs and
# modules need into lib/. The C and C++ runtimes stay out: they belong to the machine.

set(prefix "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
file(GLOB modules "${prefix}/lib/longbow/modules/*.so")
file(
  GET_RUNTIME_DEPENDENCIES
  EXECUTABLES "${prefix}/bin/longbow"
  LIBRARIES ${modules}
  DIRECTORIES "${prefix}/lib"
  RESOLVED_DEPENDENCIES_VAR found
  UNRESOLVED_DEPENDENCIES_VAR missing
  CONFLICTING_DEPENDENCIES_PREFIX ignored
  POST_EXCLUDE_REGEXES
    "^${prefix}/"
    "/(ld-linux[^/]*|libc|libm|libdl|librt|libpthread|libresolv|libstdc\\+\\+|libgcc_s|lib[a-z]*san)\\.so[^/]*$"
)
if(missing)
  message(FATAL_ERROR "These libraries are needed and were not found: ${missing}")
endif()
foreach(library IN LISTS found)
  file(INSTALL "${library}" DESTINATION "${prefix}/lib" FOLLOW_SYMLINK_CHAIN)
endforeach()
