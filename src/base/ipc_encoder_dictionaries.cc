#include "base/ipc_encoder_dictionaries.h"

#include <utility>

#include <arrow/array/data.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/type.h>
#include <arrow/util/checked_cast.h>

namespace longbow {
namespace {

using arrow::internal::checked_cast;
using TypePtr = std::shared_ptr<arrow::DataType>;
using DataPtr = std::shared_ptr<arrow::ArrayData>;

// The fields of `type` with decoded types; sets `changed` where one differs.
arrow::FieldVector DecodedFields(const arrow::DataType& type, bool* changed) {
  arrow::FieldVector fields;
  for (const auto& field : type.fields()) {
    const TypePtr decoded = DecodedType(field->type());
    *changed = *changed || decoded != field->type();
    fields.push_back(field->WithType(decoded));
  }
  return fields;
}

// A nested type like `type` around other fields.
TypePtr WithFields(const TypePtr& type, const arrow::FieldVector& fields) {
  switch (type->id()) {
    case arrow::Type::LIST:
      return arrow::list(fields[0]);
    case arrow::Type::LARGE_LIST:
      return arrow::large_list(fields[0]);
    case arrow::Type::LIST_VIEW:
      return arrow::list_view(fields[0]);
    case arrow::Type::LARGE_LIST_VIEW:
      return arrow::large_list_view(fields[0]);
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          fields[0], checked_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::MAP:
      return std::make_shared<arrow::MapType>(
          fields[0], checked_cast<const arrow::MapType&>(*type).keys_sorted());
    case arrow::Type::STRUCT:
      return arrow::struct_(fields);
    case arrow::Type::SPARSE_UNION:
      return arrow::sparse_union(fields, checked_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::DENSE_UNION:
      return arrow::dense_union(fields, checked_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::RUN_END_ENCODED:
      return arrow::run_end_encoded(fields[0]->type(), fields[1]->type());
    default:
      return type;
  }
}

}  // namespace

TypePtr DecodedType(const TypePtr& type) {
  if (type->id() == arrow::Type::DICTIONARY) {
    return DecodedType(checked_cast<const arrow::DictionaryType&>(*type).value_type());
  }
  bool changed = false;
  const arrow::FieldVector fields = DecodedFields(*type, &changed);
  return changed ? WithFields(type, fields) : type;
}

arrow::Result<DataPtr> DecodeDictionaries(const DataPtr& data, arrow::MemoryPool* pool) {
  TypePtr decoded_type = DecodedType(data->type);
  if (decoded_type == data->type) return data;
  if (data->type->id() == arrow::Type::DICTIONARY) {
    ARROW_ASSIGN_OR_RAISE(const DataPtr values, DecodeDictionaries(data->dictionary, pool));
    auto indices = data->Copy();
    indices->type = checked_cast<const arrow::DictionaryType&>(*data->type).index_type();
    indices->dictionary = nullptr;
    arrow::compute::ExecContext context(pool);
    context.set_use_threads(false);
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum taken,
                          arrow::compute::Take(arrow::Datum(values), arrow::Datum(indices),
                                               arrow::compute::TakeOptions::Defaults(), &context));
    return taken.array();
  }
  auto decoded = data->Copy();
  decoded->type = std::move(decoded_type);
  for (DataPtr& child : decoded->child_data) {
    ARROW_ASSIGN_OR_RAISE(child, DecodeDictionaries(child, pool));
  }
  return decoded;
}

}  // namespace longbow
