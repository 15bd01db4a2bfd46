/// \file
/// How big DuckDB's chunks are. Its own count takes a text for 16 bytes, whatever its length.
#pragma once

#include <duckdb.hpp>

namespace longbow::sql {

/// The bytes of the values of a chunk whose vectors are flat or constant, as results are.
duckdb::idx_t ChunkBytes(duckdb::DataChunk& chunk);

/// What a buffer of results may hold by DuckDB's own count, so that it really holds about `bytes`:
/// less where the result has columns of texts or lists, whose size is not known before.
duckdb::idx_t BufferLimit(const duckdb::vector<duckdb::LogicalType>& types, duckdb::idx_t bytes);

}  // namespace longbow::sql
