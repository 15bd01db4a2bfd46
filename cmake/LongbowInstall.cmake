# `cmake --install`: a tree that runs where none of this is installed, and from which a module can be
# built.
#
#   bin/longbow                the server and the client
#   lib/                       liblongbow.so, Arrow, DuckDB, and the other libraries they need
#   lib/longbow/modules/       the modules
#   include/                   the SDK's headers, and Arrow's
#   lib/cmake/Longbow/         what find_package(Longbow) reads

include(CMakePackageConfigHelpers)
option(LONGBOW_INSTALL_SYSTEM_LIBRARIES
       "Install the distribution's libraries that the programs need beside them" ON)

set(longbow_package_dir lib/cmake/Longbow)

if(TARGET longbow)
  install(TARGETS longbow RUNTIME DESTINATION bin)
  # DT_RPATH rather than DT_RUNPATH: it also serves the distribution's libraries beside the program,
  # which have no path of their own.
  target_link_options(longbow PRIVATE -Wl,--disable-new-dtags)
endif()

install(TARGETS longbow_sdk EXPORT LongbowTargets LIBRARY DESTINATION lib)
install(
  EXPORT LongbowTargets
  NAMESPACE Longbow::
  DESTINATION ${longbow_package_dir})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/longbow" DESTINATION include
        FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/src/base/include/longbow/version.h"
        DESTINATION include/longbow)

if(LONGBOW_ARROW_BUNDLED)
  # Substrait and the Python bindings stay out: nothing here uses them.
  install(
    DIRECTORY "${LONGBOW_ARROW_ROOT}/lib/"
    DESTINATION lib
    PATTERN "libarrow_substrait*" EXCLUDE)
  install(
    DIRECTORY "${LONGBOW_ARROW_ROOT}/include/"
    DESTINATION include
    PATTERN "arrow/python" EXCLUDE
    PATTERN "arrow/engine" EXCLUDE)
  install(DIRECTORY "${LONGBOW_ARROW_ROOT}/licenses/" DESTINATION share/doc/longbow/licenses/arrow)
endif()
if(LONGBOW_DUCKDB_BUNDLED)
  install(FILES "${LONGBOW_DUCKDB_LIBRARY}" DESTINATION lib)
  install(FILES "${LONGBOW_DEPS_DIR}/duckdb/lib/LICENSE"
          DESTINATION share/doc/longbow/licenses/duckdb)
endif()

write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/package/LongbowConfigVersion.cmake"
  VERSION ${PROJECT_VERSION}
  COMPATIBILITY SameMinorVersion)
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/LongbowConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/package/LongbowConfig.cmake" INSTALL_DESTINATION ${longbow_package_dir})
install(
  FILES "${PROJECT_BINARY_DIR}/package/LongbowConfig.cmake"
        "${PROJECT_BINARY_DIR}/package/LongbowConfigVersion.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/LongbowArrow.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/LongbowModule.cmake"
  DESTINATION ${longbow_package_dir})

if(LONGBOW_INSTALL_SYSTEM_LIBRARIES AND TARGET longbow)
  install(
    CODE "set(longbow_build_lib_dirs \"${PROJECT_BINARY_DIR}/lib;${LONGBOW_ARROW_ROOT}/lib;${LONGBOW_DEPS_DIR}/duckdb/lib\")"
  )
  install(SCRIPT "${PROJECT_SOURCE_DIR}/cmake/InstallSystemLibraries.cmake")
endif()
