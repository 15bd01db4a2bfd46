# DuckDB's library and headers (C and C++) as Longbow::duckdb. A DuckDB that find_package(DuckDB)
# knows is taken if its version is the wanted one: its C++ headers are only good for that version.

set(LONGBOW_DUCKDB_VERSION 1.5.6)
option(LONGBOW_USE_SYSTEM_DUCKDB "Prefer a DuckDB that find_package() knows" ON)

set(LONGBOW_DUCKDB_BUNDLED FALSE)
if(NOT TARGET Longbow::duckdb AND LONGBOW_USE_SYSTEM_DUCKDB)
  find_package(DuckDB CONFIG QUIET)
  if(DuckDB_FOUND AND DuckDB_VERSION VERSION_EQUAL LONGBOW_DUCKDB_VERSION AND TARGET duckdb)
    add_library(Longbow::duckdb INTERFACE IMPORTED GLOBAL)
    target_link_libraries(Longbow::duckdb INTERFACE duckdb)
  endif()
endif()
if(NOT TARGET Longbow::duckdb)
  find_library(
    LONGBOW_DUCKDB_LIBRARY duckdb
    PATHS "${LONGBOW_DEPS_DIR}/duckdb/lib"
    NO_DEFAULT_PATH)
  find_path(
    LONGBOW_DUCKDB_INCLUDE duckdb.hpp
    PATHS "${LONGBOW_DEPS_DIR}/duckdb/include"
    NO_DEFAULT_PATH)
  if(LONGBOW_DUCKDB_LIBRARY AND LONGBOW_DUCKDB_INCLUDE)
    set(LONGBOW_DUCKDB_BUNDLED TRUE)
    add_library(Longbow::duckdb SHARED IMPORTED GLOBAL)
    set_target_properties(
      Longbow::duckdb
      PROPERTIES IMPORTED_LOCATION "${LONGBOW_DUCKDB_LIBRARY}"
                 IMPORTED_SONAME libduckdb.so
                 INTERFACE_INCLUDE_DIRECTORIES "${LONGBOW_DUCKDB_INCLUDE}")
  endif()
endif()

if(TARGET Longbow::duckdb)
  set(LongbowDuckDB_FOUND TRUE)
else()
  set(LongbowDuckDB_FOUND FALSE)
  set(LongbowDuckDB_NOT_FOUND_MESSAGE
      "No DuckDB ${LONGBOW_DUCKDB_VERSION}: find_package() knows none and "
      "${LONGBOW_DEPS_DIR}/duckdb holds none. Run `./dev setup`")
endif()
