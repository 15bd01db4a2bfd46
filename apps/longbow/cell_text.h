/// \file
/// A value of an Arrow array as text: for tables and CSV, and as JSON.
///
/// Text: numbers in their shortest exact form, floats with `.0` where they are whole; dates and
/// times as `2013-01-01`, `05:30:00`, `2013-01-01 05:30:00`, with a `Z` where the type has a time
/// zone (the value is in UTC); binary as hexadecimal digits; lists, structs and maps as JSON. JSON:
/// integers and finite floats are numbers; dates and times are ISO strings; binary is base64; NaN
/// and infinities are strings; a map is a list of `[key, value]`; an interval is an object.
///
/// Thread-compatible: one thread at a time per array.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <arrow/type_fwd.h>

namespace longbow::client {

/// Whether values of `type` are written to the right.
bool IsRightAligned(const arrow::DataType& type);

/// Appends the text of `array[row]`, which is not null.
void AppendCellText(const arrow::Array& array, int64_t row, std::string* out);

/// Appends the JSON of `array[row]`; `null` where it is null.
void AppendCellJson(const arrow::Array& array, int64_t row, std::string* out);

/// Appends `text` as a JSON string, with quotes. Bytes that are not UTF-8 become U+FFFD; control
/// characters, DEL and C1 are escaped, so that it is safe on a terminal.
void AppendJsonString(std::string_view text, std::string* out);

/// Whether `array[row]` is null, also in types without a validity bitmap (dictionaries of null,
/// unions, run-end encoded).
bool IsNullCell(const arrow::Array& array, int64_t row);

}  // namespace longbow::client
