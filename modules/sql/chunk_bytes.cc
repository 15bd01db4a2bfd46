#include "chunk_bytes.h"

#include <algorithm>

namespace longbow::sql {
namespace {

// So many chunks of 2,048 rows may wait where rows can be of any size.
constexpr duckdb::idx_t kWaitingChunks = 8;

duckdb::idx_t TextBytes(duckdb::Vector& vector, duckdb::idx_t rows) {
  duckdb::UnifiedVectorFormat format;
  vector.ToUnifiedFormat(rows, format);
  const auto* texts = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format);
  duckdb::idx_t bytes = rows * sizeof(duckdb::string_t);
  for (duckdb::idx_t row = 0; row < rows; ++row) {
    const duckdb::idx_t index = format.sel->get_index(row);
    if (format.validity.RowIsValid(index)) bytes += texts[index].GetSize();
  }
  return bytes;
}

duckdb::idx_t VectorBytes(duckdb::Vector& vector, duckdb::idx_t rows) {
  switch (vector.GetType().InternalType()) {
    case duckdb::PhysicalType::VARCHAR:
      return TextBytes(vector, rows);
    case duckdb::PhysicalType::LIST:
      return rows * sizeof(duckdb::list_entry_t) +
             VectorBytes(duckdb::ListVector::GetEntry(vector),
                         duckdb::ListVector::GetListSize(vector));
    case duckdb::PhysicalType::ARRAY:
      return VectorBytes(duckdb::ArrayVector::GetEntry(vector),
                         duckdb::ArrayVector::GetTotalSize(vector));
    case duckdb::PhysicalType::STRUCT: {
      duckdb::idx_t bytes = 0;
      for (auto& child : duckdb::StructVector::GetEntries(vector)) {
        bytes += VectorBytes(*child, rows);
      }
      return bytes;
    }
    default:
      return rows * duckdb::GetTypeIdSize(vector.GetType().InternalType());
  }
}

// By DuckDB's count; `has_any_size` is set where values can be of any size.
duckdb::idx_t CountedBytes(const duckdb::LogicalType& type, bool* has_any_size) {
  switch (type.InternalType()) {
    case duckdb::PhysicalType::STRUCT: {
      duckdb::idx_t bytes = 0;
      for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
        bytes += CountedBytes(child, has_any_size);
      }
      return bytes;
    }
    case duckdb::PhysicalType::ARRAY:
      return duckdb::ArrayType::GetSize(type) *
             CountedBytes(duckdb::ArrayType::GetChildType(type), has_any_size);
    case duckdb::PhysicalType::VARCHAR:
    case duckdb::PhysicalType::LIST:
      *has_any_size = true;
      break;
    default:
      break;
  }
  return duckdb::GetTypeIdSize(type.InternalType());
}

}  // namespace

duckdb::idx_t ChunkBytes(duckdb::DataChunk& chunk) {
  duckdb::idx_t bytes = 0;
  for (auto& column : chunk.data) {
    const bool is_constant = column.GetVectorType() == duckdb::VectorType::CONSTANT_VECTOR;
    const duckdb::idx_t rows = chunk.size();
    bytes += is_constant ? rows * VectorBytes(column, 1) : VectorBytes(column, rows);
  }
  return bytes;
}

duckdb::idx_t BufferLimit(const duckdb::vector<duckdb::LogicalType>& types, duckdb::idx_t bytes) {
  bool has_any_size = false;
  duckdb::idx_t row_bytes = 0;
  for (const auto& type : types) row_bytes += CountedBytes(type, &has_any_size);
  if (!has_any_size) return bytes;
  return std::min(bytes, kWaitingChunks * STANDARD_VECTOR_SIZE * row_bytes);
}

}  // namespace longbow::sql
