#include "transport/batch_checker.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/checked_cast.h>

namespace longbow::transport {
namespace {

using arrow::internal::checked_cast;
// What all of Arrow's libraries can hold. A batch of nulls, or of no columns, has as many rows as
// it claims, and pays for none.
constexpr int64_t kMaxRows = std::numeric_limits<int32_t>::max();

using TypePtr = std::shared_ptr<arrow::DataType>;

TypePtr ShadowType(const TypePtr& type);

arrow::FieldVector ShadowFields(const arrow::DataType& type) {
  arrow::FieldVector fields;
  for (const auto& field : type.fields()) {
    fields.push_back(field->WithType(ShadowType(field->type())));
  }
  return fields;
}

TypePtr ShadowUnion(const arrow::UnionType& type) {
  return type.mode() == arrow::UnionMode::SPARSE
             ? arrow::sparse_union(ShadowFields(type), type.type_codes())
             : arrow::dense_union(ShadowFields(type), type.type_codes());
}

// A type of the same layout whose full validation reads offsets and indices but no values. What a
// dictionary holds is checked apart from its indices: in its place stand nulls.
TypePtr ShadowType(const TypePtr& type) {
  switch (type->id()) {
    case arrow::Type::STRING:
      return arrow::binary();
    case arrow::Type::LARGE_STRING:
      return arrow::large_binary();
    case arrow::Type::STRING_VIEW:
      return arrow::binary_view();
    case arrow::Type::DICTIONARY: {
      const auto& dictionary = checked_cast<const arrow::DictionaryType&>(*type);
      return arrow::dictionary(dictionary.index_type(), arrow::null(), dictionary.ordered());
    }
    case arrow::Type::EXTENSION:
      return ShadowType(checked_cast<const arrow::ExtensionType&>(*type).storage_type());
    case arrow::Type::LIST:
      return arrow::list(ShadowFields(*type)[0]);
    case arrow::Type::LARGE_LIST:
      return arrow::large_list(ShadowFields(*type)[0]);
    case arrow::Type::LIST_VIEW:
      return arrow::list_view(ShadowFields(*type)[0]);
    case arrow::Type::LARGE_LIST_VIEW:
      return arrow::large_list_view(ShadowFields(*type)[0]);
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          ShadowFields(*type)[0], checked_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::MAP:  // a list of pairs
      return arrow::list(ShadowFields(*type)[0]);
    case arrow::Type::STRUCT:
      return arrow::struct_(ShadowFields(*type));
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
      return ShadowUnion(checked_cast<const arrow::UnionType&>(*type));
    case arrow::Type::RUN_END_ENCODED: {
      const auto& encoded = checked_cast<const arrow::RunEndEncodedType&>(*type);
      return arrow::run_end_encoded(encoded.run_end_type(), ShadowType(encoded.value_type()));
    }
    default:
      if (arrow::is_fixed_width(*type) && type->id() != arrow::Type::BOOL) {
        return arrow::fixed_size_binary(type->byte_width());
      }
      return type;
  }
}

bool HasOffsets(const arrow::DataType& shadow) {
  if (shadow.num_fields() > 0) return true;
  return !arrow::is_fixed_width(shadow) && shadow.id() != arrow::Type::NA;
}

std::shared_ptr<arrow::ArrayData> ShadowOf(const arrow::ArrayData& data, const TypePtr& type) {
  auto shadow = std::make_shared<arrow::ArrayData>(data);
  shadow->type = type;
  for (int i = 0; i < type->num_fields() && i < static_cast<int>(data.child_data.size()); ++i) {
    shadow->child_data[i] = ShadowOf(*data.child_data[i], type->field(i)->type());
  }
  if (data.dictionary != nullptr) {
    shadow->dictionary = arrow::ArrayData::Make(arrow::null(), data.dictionary->length, {nullptr},
                                                data.dictionary->length);
  }
  return shadow;
}

// A sender that claims too many nulls would make code that trusts the count allocate too little.
void ForgetNullCounts(arrow::ArrayData* data) {
  if (!data->buffers.empty() && data->buffers[0] != nullptr &&
      arrow::internal::may_have_validity_bitmap(data->type->id())) {
    data->SetNullCount(arrow::kUnknownNullCount);
  }
  for (const auto& child : data->child_data) ForgetNullCounts(child.get());
}

}  // namespace

BatchChecker::BatchChecker(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) {
    TypePtr shadow = ShadowType(field->type());
    const bool has_offsets = HasOffsets(*shadow) || shadow->id() == arrow::Type::DICTIONARY;
    columns_.push_back({std::move(shadow), has_offsets});
  }
}

arrow::Status BatchChecker::Check(const arrow::RecordBatch& batch) {
  if (batch.num_rows() > kMaxRows) {
    return arrow::Status::Invalid("a batch has ", batch.num_rows(), " rows, more than ", kMaxRows,
                                  "; send smaller ones");
  }
  if (batch.num_columns() != static_cast<int>(columns_.size())) {
    return arrow::Status::Invalid("a batch has ", batch.num_columns(), " columns, its schema ",
                                  columns_.size());
  }
  for (int i = 0; i < batch.num_columns(); ++i) {
    const auto& data = batch.column_data(i);
    arrow::Status status = data->length == batch.num_rows()
                               ? CheckColumn(columns_[i], data)
                               : arrow::Status::Invalid("it has another length than the batch");
    if (!status.ok()) {
      return status.WithMessage("column '", batch.column_name(i), "': ", status.message());
    }
  }
  old_dictionaries_ = std::exchange(dictionaries_, {});
  return arrow::Status::OK();
}

arrow::Status BatchChecker::CheckColumn(const Column& column,
                                        const std::shared_ptr<arrow::ArrayData>& data) {
  ForgetNullCounts(data.get());
  const auto array = arrow::MakeArray(ShadowOf(*data, column.shadow_type));
  ARROW_RETURN_NOT_OK(array->Validate());
  if (!column.has_offsets) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(array->ValidateFull());
  return CheckDictionaries(*data);
}

arrow::Status BatchChecker::CheckDictionaries(const arrow::ArrayData& data) {
  for (const auto& child : data.child_data) ARROW_RETURN_NOT_OK(CheckDictionaries(*child));
  const auto& dictionary = data.dictionary;
  if (dictionary == nullptr || dictionaries_.contains(dictionary.get())) {
    return arrow::Status::OK();
  }
  if (!old_dictionaries_.contains(dictionary.get())) {
    const TypePtr shadow_type = ShadowType(dictionary->type);
    ForgetNullCounts(dictionary.get());
    ARROW_RETURN_NOT_OK(arrow::MakeArray(ShadowOf(*dictionary, shadow_type))->ValidateFull());
    ARROW_RETURN_NOT_OK(CheckDictionaries(*dictionary));
  }
  dictionaries_.emplace(dictionary.get(), dictionary);
  return arrow::Status::OK();
}

}  // namespace longbow::transport
