#include "input_types.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <arrow/array/array_base.h>
#include <arrow/array/array_dict.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_vector.h>
#include <arrow/extension_type.h>
#include <arrow/type.h>

namespace longbow::sql {
namespace {

constexpr std::array<std::string_view, 3> kKnownExtensions = {"arrow.json", "arrow.uuid",
                                                              "arrow.bool8"};

enum class Place { kTop, kInside };

bool IsNested(const arrow::DataType& type) { return type.num_fields() > 0; }

const arrow::DataType& ValueType(const arrow::DataType& dictionary) {
  return *static_cast<const arrow::DictionaryType&>(dictionary).value_type();
}

// Whether a dictionary at this place is to be decoded. One at the top stays, unless its values are
// made of parts themselves, which nobody has.
bool IsDecoded(const arrow::DataType& dictionary, Place place) {
  return place == Place::kInside || IsNested(ValueType(dictionary));
}

std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type,
                                           Place place) {
  using arrow::Type;
  auto plain = [](const std::shared_ptr<arrow::Field>& field) {
    return arrow::field(field->name(), PlainType(field->type(), Place::kInside), field->nullable());
  };
  auto child = [&](int i) { return plain(type->field(i)); };
  switch (type->id()) {
    case Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionType&>(*type);
      const std::string name = extension.extension_name();
      if (std::find(kKnownExtensions.begin(), kKnownExtensions.end(), name) !=
          kKnownExtensions.end()) {
        return type;
      }
      return PlainType(extension.storage_type(), place);
    }
    case Type::LIST:
      return arrow::list(child(0));
    case Type::LARGE_LIST:
      return arrow::large_list(child(0));
    case Type::LIST_VIEW:
      return arrow::list_view(child(0));
    case Type::LARGE_LIST_VIEW:
      return arrow::large_list_view(child(0));
    case Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          child(0), static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      return std::make_shared<arrow::MapType>(plain(map.key_field()), plain(map.item_field()),
                                              map.keys_sorted());
    }
    case Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(plain(field));
      return arrow::struct_(fields);
    }
    case Type::SPARSE_UNION: {
      const auto& sparse = static_cast<const arrow::SparseUnionType&>(*type);
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(plain(field));
      return arrow::sparse_union(std::move(fields), sparse.type_codes());
    }
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
      const auto values = PlainType(dictionary.value_type(), place);
      if (IsDecoded(*type, place)) return values;
      return arrow::dictionary(dictionary.index_type(), values, dictionary.ordered());
    }
    case Type::RUN_END_ENCODED: {
      const auto& encoded = static_cast<const arrow::RunEndEncodedType&>(*type);
      return arrow::run_end_encoded(encoded.run_end_type(),
                                    PlainType(encoded.value_type(), Place::kInside));
    }
    default:
      return type;
  }
}

// DuckDB takes a union's type codes for the children's numbers.
bool HasPlainTypeCodes(const arrow::DataType& type) {
  const auto& codes = static_cast<const arrow::UnionType&>(type).type_codes();
  for (size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] != static_cast<int8_t>(i)) return false;
  }
  return true;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> Decode(
    const std::shared_ptr<arrow::ArrayData>& data, Place place) {
  const arrow::DataType& type = *data->type;
  if (type.id() == arrow::Type::DICTIONARY) {
    if (!IsDecoded(type, place)) return data;
    const auto array = std::make_shared<arrow::DictionaryArray>(data);
    ARROW_ASSIGN_OR_RAISE(auto values,
                          arrow::compute::Take(*array->dictionary(), *array->indices()));
    return Decode(values->data(), place);
  }
  if (!HoldsDictionary(type)) return data;
  auto result = data->Copy();
  for (auto& child : result->child_data) {
    ARROW_ASSIGN_OR_RAISE(child, Decode(child, Place::kInside));
  }
  result->type = PlainType(data->type, place);
  return result;
}

}  // namespace

std::shared_ptr<arrow::Field> PlainField(const std::shared_ptr<arrow::Field>& field) {
  return arrow::field(field->name(), PlainType(field->type(), Place::kTop), field->nullable());
}

bool IsReadableType(const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return decimal.scale() >= 0 && decimal.scale() <= decimal.precision();
    }
    case Type::HALF_FLOAT:
    case Type::DECIMAL256:
    case Type::DENSE_UNION:
      return false;
    case Type::FIXED_SIZE_LIST:
      if (static_cast<const arrow::FixedSizeListType&>(type).list_size() < 1) return false;
      break;
    case Type::STRUCT:
      if (type.num_fields() == 0) return false;
      break;
    case Type::SPARSE_UNION:
      if (type.num_fields() == 0 || !HasPlainTypeCodes(type)) return false;
      break;
    case Type::DICTIONARY:
      return IsReadableType(ValueType(type));
    case Type::RUN_END_ENCODED: {
      const auto& values = *static_cast<const arrow::RunEndEncodedType&>(type).value_type();
      return !IsNested(values) && IsReadableType(values);
    }
    default:
      break;
  }
  return std::all_of(type.fields().begin(), type.fields().end(), [](const auto& field) {
    // DuckDB does not find the runs of one inside another array.
    return field->type()->id() != Type::RUN_END_ENCODED && IsReadableType(*field->type());
  });
}

bool HoldsDictionary(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) return true;
  if (type.id() == arrow::Type::EXTENSION) {
    return HoldsDictionary(*static_cast<const arrow::ExtensionType&>(type).storage_type());
  }
  return std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HoldsDictionary(*field->type()); });
}

bool HoldsInnerDictionary(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) return IsDecoded(type, Place::kTop);
  return HoldsDictionary(type);
}

arrow::Result<std::shared_ptr<arrow::Array>> DecodeInner(const arrow::Array& array) {
  ARROW_ASSIGN_OR_RAISE(auto data, Decode(array.data(), Place::kTop));
  return arrow::MakeArray(data);
}

}  // namespace longbow::sql
