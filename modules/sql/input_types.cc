#include "input_types.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <arrow/extension_type.h>
#include <arrow/type.h>

namespace longbow::sql {
namespace {

constexpr std::array<std::string_view, 3> kKnownExtensions = {"arrow.json", "arrow.uuid",
                                                              "arrow.bool8"};

std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  using arrow::Type;
  auto child = [&](int i) { return PlainField(type->field(i)); };
  switch (type->id()) {
    case Type::EXTENSION: {
      const auto& extension = static_cast<const arrow::ExtensionType&>(*type);
      const std::string name = extension.extension_name();
      if (std::find(kKnownExtensions.begin(), kKnownExtensions.end(), name) !=
          kKnownExtensions.end()) {
        return type;
      }
      return PlainType(extension.storage_type());
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
      return std::make_shared<arrow::MapType>(PlainField(map.key_field()),
                                              PlainField(map.item_field()), map.keys_sorted());
    }
    case Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(PlainField(field));
      return arrow::struct_(std::move(fields));
    }
    case Type::SPARSE_UNION: {
      const auto& sparse = static_cast<const arrow::SparseUnionType&>(*type);
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(PlainField(field));
      return arrow::sparse_union(std::move(fields), sparse.type_codes());
    }
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
      return arrow::dictionary(dictionary.index_type(), PlainType(dictionary.value_type()),
                               dictionary.ordered());
    }
    case Type::RUN_END_ENCODED: {
      const auto& encoded = static_cast<const arrow::RunEndEncodedType&>(*type);
      return arrow::run_end_encoded(encoded.run_end_type(), PlainType(encoded.value_type()));
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

}  // namespace

std::shared_ptr<arrow::Field> PlainField(const std::shared_ptr<arrow::Field>& field) {
  return arrow::field(field->name(), PlainType(field->type()), field->nullable());
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
      return IsReadableType(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default:
      break;
  }
  return std::all_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return IsReadableType(*field->type()); });
}

bool HoldsDictionary(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) return true;
  return std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HoldsDictionary(*field->type()); });
}

}  // namespace longbow::sql
