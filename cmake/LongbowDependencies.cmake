# Every library that is not ours, as a target Longbow::NAME. A copy that find_package() knows is
# preferred; else the pinned one that tools/setup.sh put into .deps.

set(LONGBOW_DEPS_DIR "${PROJECT_SOURCE_DIR}/.deps" CACHE PATH "Where tools/setup.sh puts libraries")
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

set(LONGBOW_ARROW_ROOT "${LONGBOW_DEPS_DIR}/arrow")
include(LongbowArrow)
find_package(LongbowDuckDB REQUIRED)

# gRPC and protobuf. Where gRPC has no CMake package, pkg-config knows it; it is the second choice
# because it takes 20 s to walk through abseil.
find_package(gRPC CONFIG QUIET)
add_library(longbow_grpc INTERFACE)
add_library(Longbow::grpc ALIAS longbow_grpc)
if(gRPC_FOUND)
  target_link_libraries(longbow_grpc INTERFACE gRPC::grpc++ protobuf::libprotobuf)
else()
  pkg_check_modules(LONGBOW_GRPC REQUIRED IMPORTED_TARGET GLOBAL grpc++ protobuf)
  target_link_libraries(longbow_grpc INTERFACE PkgConfig::LONGBOW_GRPC)
endif()
find_program(LONGBOW_PROTOC protoc REQUIRED)

# The libraries below come from the distribution.
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(LONGBOW_TOML REQUIRED IMPORTED_TARGET GLOBAL tomlplusplus)
pkg_check_modules(LONGBOW_HTTPLIB REQUIRED IMPORTED_TARGET GLOBAL cpp-httplib)
pkg_check_modules(LONGBOW_MICROHTTPD REQUIRED IMPORTED_TARGET GLOBAL libmicrohttpd)
pkg_check_modules(LONGBOW_CJOSE REQUIRED IMPORTED_TARGET GLOBAL cjose)
pkg_check_modules(LONGBOW_SQLITE REQUIRED IMPORTED_TARGET GLOBAL sqlite3)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
add_library(Longbow::json ALIAS nlohmann_json::nlohmann_json)
add_library(Longbow::openssl ALIAS OpenSSL::SSL)
add_library(Longbow::crypto ALIAS OpenSSL::Crypto)
add_library(Longbow::cli11 ALIAS CLI11::CLI11)
add_library(Longbow::toml ALIAS PkgConfig::LONGBOW_TOML)
add_library(Longbow::httplib ALIAS PkgConfig::LONGBOW_HTTPLIB)
add_library(Longbow::microhttpd ALIAS PkgConfig::LONGBOW_MICROHTTPD)
add_library(Longbow::cjose ALIAS PkgConfig::LONGBOW_CJOSE)
add_library(Longbow::sqlite ALIAS PkgConfig::LONGBOW_SQLITE)
add_library(Longbow::prometheus ALIAS prometheus-cpp::core)

# The tests' Python, with what tools/requirements/dev.txt names.
set(LONGBOW_PYTHON "${LONGBOW_DEPS_DIR}/venv/bin/python" CACHE FILEPATH "Python of the tests")
