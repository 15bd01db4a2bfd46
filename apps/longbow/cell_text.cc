#include "cell_text.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include <arrow/api.h>
#include <arrow/util/base64.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>
#include <arrow/util/formatting.h>
#include <arrow/visit_array_inline.h>

#include "display_text.h"

namespace longbow::client {
namespace {

using arrow::internal::checked_cast;

// Follows dictionaries, run-end encodings, extensions and unions to where the value itself lies.
struct Cell {
  const arrow::Array* array;
  int64_t row;
  // What `array` may live in, if it was made on the way.
  std::shared_ptr<arrow::Array> owned = nullptr;
};

Cell Resolve(const arrow::Array& array, int64_t row) {
  Cell cell{&array, row};
  while (true) {
    switch (cell.array->type_id()) {
      case arrow::Type::DICTIONARY: {
        const auto& dictionary = checked_cast<const arrow::DictionaryArray&>(*cell.array);
        if (dictionary.IsNull(cell.row)) return cell;
        const int64_t index = dictionary.GetValueIndex(cell.row);
        auto values = dictionary.dictionary();
        cell = {values.get(), index, values};
        break;
      }
      case arrow::Type::EXTENSION: {
        auto storage = checked_cast<const arrow::ExtensionArray&>(*cell.array).storage();
        cell = {storage.get(), cell.row, storage};
        break;
      }
      case arrow::Type::RUN_END_ENCODED: {
        const auto& encoded = checked_cast<const arrow::RunEndEncodedArray&>(*cell.array);
        // Rare enough for a search from the start of this row's own slice.
        auto slice = encoded.Slice(cell.row, 1);
        const auto& one = checked_cast<const arrow::RunEndEncodedArray&>(*slice);
        const int64_t index = one.FindPhysicalOffset();
        auto values = one.values();
        cell = {values.get(), index, values};
        break;
      }
      case arrow::Type::SPARSE_UNION:
      case arrow::Type::DENSE_UNION: {
        const auto& unions = checked_cast<const arrow::UnionArray&>(*cell.array);
        auto child = unions.field(unions.child_id(cell.row));
        const int64_t index =
            cell.array->type_id() == arrow::Type::DENSE_UNION
                ? checked_cast<const arrow::DenseUnionArray&>(unions).value_offset(cell.row)
                : cell.row;
        cell = {child.get(), index, child};
        break;
      }
      default:
        return cell;
    }
  }
}

void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out->push_back(kDigits[byte >> 4]);
    out->push_back(kDigits[byte & 15]);
  }
}

template <typename Float>
void AppendFloat(Float value, std::string* out) {
  if (std::isnan(value)) {
    *out += "NaN";
  } else if (std::isinf(value)) {
    *out += value < 0 ? "-Infinity" : "Infinity";
  } else {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
    out->append(buffer, end);
    // A whole number is still seen to be no integer.
    if (std::string_view(buffer, end).find_first_of(".e") == std::string_view::npos) *out += ".0";
  }
}

// Without the zeros at the end of a fraction: `05:30:00.500000Z` is `05:30:00.5Z`.
void AppendTime(std::string_view text, std::string* out) {
  const bool zone = !text.empty() && text.back() == 'Z';
  if (zone) text.remove_suffix(1);
  if (text.find('.') != std::string_view::npos) {
    text = text.substr(0, text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.remove_suffix(1);
  }
  out->append(text);
  if (zone) out->push_back('Z');
}

template <typename Int>
void AppendInteger(Int value, std::string* out) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  out->append(buffer, end);
}

// Writes one value; lists, structs and maps as JSON. In JSON, everything that is no number, boolean
// or list gets its quotes here.
class CellVisitor {
 public:
  CellVisitor(int64_t row, bool json, std::string* out) : row_(row), json_(json), out_(out) {}

  arrow::Status Visit(const arrow::NullArray&) {
    *out_ += "null";
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::BooleanArray& array) {
    *out_ += array.Value(row_) ? "true" : "false";
    return arrow::Status::OK();
  }

  template <typename Type>
  arrow::Status Visit(const arrow::NumericArray<Type>& array) {
    if constexpr (arrow::is_integer_type<Type>::value) {
      AppendInteger(array.Value(row_), out_);
    } else if constexpr (std::is_same_v<Type, arrow::HalfFloatType>) {
      WriteFloat(arrow::util::Float16::FromBits(array.Value(row_)).ToFloat());
    } else if constexpr (arrow::is_floating_type<Type>::value) {
      WriteFloat(array.Value(row_));
    } else if constexpr (std::is_same_v<Type, arrow::DurationType>) {
      WriteDuration(array.Value(row_), checked_cast<const Type&>(*array.type()).unit());
    } else {
      WriteTime<Type>(*array.type(), array.Value(row_));
    }
    return arrow::Status::OK();
  }

  arrow::Status Visit(const arrow::Decimal32Array& array) { return WriteDecimal(array); }
  arrow::Status Visit(const arrow::Decimal64Array& array) { return WriteDecimal(array); }
  arrow::Status Visit(const arrow::Decimal128Array& array) { return WriteDecimal(array); }
  arrow::Status Visit(const arrow::Decimal256Array& array) { return WriteDecimal(array); }

  arrow::Status Visit(const arrow::StringArray& array) { return WriteText(array.GetView(row_)); }
  arrow::Status Visit(const arrow::LargeStringArray& array) {
    return WriteText(array.GetView(row_));
  }
  arrow::Status Visit(const arrow::StringViewArray& array) {
    return WriteText(array.GetView(row_));
  }
  arrow::Status Visit(const arrow::BinaryArray& array) { return WriteBytes(array.GetView(row_)); }
  arrow::Status Visit(const arrow::LargeBinaryArray& array) {
    return WriteBytes(array.GetView(row_));
  }
  arrow::Status Visit(const arrow::BinaryViewArray& array) {
    return WriteBytes(array.GetView(row_));
  }
  arrow::Status Visit(const arrow::FixedSizeBinaryArray& array) {
    return WriteBytes(array.GetView(row_));
  }

  arrow::Status Visit(const arrow::MonthIntervalArray& array) {
    *out_ += "{\"months\":" + std::to_string(array.Value(row_)) + "}";
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::DayTimeIntervalArray& array) {
    const auto value = array.GetValue(row_);
    *out_ += "{\"days\":" + std::to_string(value.days) +
             ",\"milliseconds\":" + std::to_string(value.milliseconds) + "}";
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::MonthDayNanoIntervalArray& array) {
    const auto value = array.GetValue(row_);
    *out_ += "{\"months\":" + std::to_string(value.months) +
             ",\"days\":" + std::to_string(value.days) +
             ",\"nanoseconds\":" + std::to_string(value.nanoseconds) + "}";
    return arrow::Status::OK();
  }

  arrow::Status Visit(const arrow::ListArray& array) { return WriteList(array); }
  arrow::Status Visit(const arrow::LargeListArray& array) { return WriteList(array); }
  arrow::Status Visit(const arrow::ListViewArray& array) { return WriteList(array); }
  arrow::Status Visit(const arrow::LargeListViewArray& array) { return WriteList(array); }
  arrow::Status Visit(const arrow::FixedSizeListArray& array) { return WriteList(array); }
  arrow::Status Visit(const arrow::MapArray& array) {
    out_->push_back('[');
    for (int64_t i = 0; i < array.value_length(row_); ++i) {
      *out_ += i == 0 ? "[" : ",[";
      AppendCellJson(*array.keys(), array.value_offset(row_) + i, out_);
      out_->push_back(',');
      AppendCellJson(*array.items(), array.value_offset(row_) + i, out_);
      out_->push_back(']');
    }
    out_->push_back(']');
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::StructArray& array) {
    out_->push_back('{');
    for (int i = 0; i < array.num_fields(); ++i) {
      if (i > 0) out_->push_back(',');
      AppendJsonString(array.struct_type()->field(i)->name(), out_);
      out_->push_back(':');
      AppendCellJson(*array.field(i), row_, out_);
    }
    out_->push_back('}');
    return arrow::Status::OK();
  }

  // What `Resolve` leaves behind, and what is yet to be invented.
  arrow::Status Visit(const arrow::Array& array) {
    auto scalar = array.GetScalar(row_);
    return WriteText(scalar.ok() ? (*scalar)->ToString() : "?");
  }

 private:
  void WriteFloat(float value) { WriteFloating(value); }
  void WriteFloat(double value) { WriteFloating(value); }
  template <typename Float>
  void WriteFloating(Float value) {
    const bool quoted = json_ && !std::isfinite(value);
    if (quoted) out_->push_back('"');
    AppendFloat(value, out_);
    if (quoted) out_->push_back('"');
  }

  void WriteDuration(int64_t value, arrow::TimeUnit::type unit) {
    constexpr const char* kUnits[] = {" s", " ms", " us", " ns"};
    AppendInteger(value, out_);
    if (!json_) *out_ += kUnits[unit];
  }

  template <typename Type>
  void WriteTime(const arrow::DataType& type, typename Type::c_type value) {
    if (json_) out_->push_back('"');
    const size_t start = out_->size();
    arrow::internal::StringFormatter<Type> format(&type);
    format(value, [&](std::string_view text) { AppendTime(text, out_); });
    if constexpr (std::is_same_v<Type, arrow::TimestampType>) {
      const size_t space = out_->find(' ', start);
      if (json_ && space != std::string::npos && (*out_)[start] != '<') (*out_)[space] = 'T';
    }
    if (json_) out_->push_back('"');
  }

  template <typename DecimalArray>
  arrow::Status WriteDecimal(const DecimalArray& array) {
    *out_ += array.FormatValue(row_);
    return arrow::Status::OK();
  }

  arrow::Status WriteText(std::string_view text) {
    if (json_) {
      AppendJsonString(text, out_);
    } else {
      out_->append(text);
    }
    return arrow::Status::OK();
  }

  arrow::Status WriteBytes(std::string_view bytes) {
    if (json_) {
      *out_ += "\"" + arrow::util::base64_encode(bytes) + "\"";
    } else {
      AppendHex(bytes, out_);
    }
    return arrow::Status::OK();
  }

  template <typename ListArrayType>
  arrow::Status WriteList(const ListArrayType& array) {
    out_->push_back('[');
    for (int64_t i = 0; i < array.value_length(row_); ++i) {
      if (i > 0) out_->push_back(',');
      AppendCellJson(*array.values(), array.value_offset(row_) + i, out_);
    }
    out_->push_back(']');
    return arrow::Status::OK();
  }

  int64_t row_;
  bool json_;
  std::string* out_;
};

void AppendCell(const Cell& cell, bool json, std::string* out) {
  CellVisitor visitor(cell.row, json, out);
  // No visit fails: each writes something for every value.
  const arrow::Status ignored = arrow::VisitArrayInline(*cell.array, &visitor);
  (void)ignored;
}

void AppendEscapedUnit(unsigned unit, std::string* out) {
  char buffer[8];
  std::snprintf(buffer, sizeof(buffer), "\\u%04x", unit);
  *out += buffer;
}

}  // namespace

bool IsRightAligned(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) {
    return IsRightAligned(*checked_cast<const arrow::DictionaryType&>(type).value_type());
  }
  return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id()) ||
         type.id() == arrow::Type::DURATION;
}

bool IsNullCell(const arrow::Array& array, int64_t row) {
  const Cell cell = Resolve(array, row);
  return cell.array->type_id() == arrow::Type::NA || cell.array->IsNull(cell.row);
}

void AppendCellText(const arrow::Array& array, int64_t row, std::string* out) {
  AppendCell(Resolve(array, row), /*json=*/false, out);
}

void AppendCellJson(const arrow::Array& array, int64_t row, std::string* out) {
  const Cell cell = Resolve(array, row);
  if (cell.array->IsNull(cell.row)) {
    *out += "null";
    return;
  }
  AppendCell(cell, /*json=*/true, out);
}

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    const DecodedCharacter front = DecodeCharacter(text);
    const char32_t c = front.character;
    if (!front.valid) {
      *out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(text[0]);
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '\t') {
      *out += "\\t";
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      AppendEscapedUnit(c, out);
    } else {
      out->append(text.substr(0, front.bytes));
    }
    text.remove_prefix(front.bytes);
  }
  out->push_back('"');
}

}  // namespace longbow::client
