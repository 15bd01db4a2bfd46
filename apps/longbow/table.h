/// \file
/// A result as a table for people: columns aligned, numbers to the right, nulls visible, nothing
/// wider than the terminal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

namespace longbow::client {

struct TableStyle {
  int max_width = 0;     ///< columns of the terminal; 0: no limit
  bool unicode = false;  ///< lines drawn with box characters, else with ASCII
  bool colour = false;   ///< types and nulls dimmed
  bool types = true;     ///< a second line of the head names the columns' types
};

/// Lays out rows. Widths come from the rows given to `Layout`; later rows that are wider are cut.
/// Control characters in data are written out, never sent. One thread at a time.
class Table {
 public:
  Table(std::shared_ptr<arrow::Schema> schema, TableStyle style);

  /// Fixes the widths from the head and the first rows. Once, before the others.
  void Layout(const std::vector<std::shared_ptr<arrow::RecordBatch>>& first_rows);

  void AppendHead(std::string* out) const;
  void AppendRows(const arrow::RecordBatch& batch, std::string* out) const;

  /// Columns that found no room, counted from the right.
  int hidden_columns() const;

 private:
  struct Column {
    std::string name;
    std::string type;
    bool right = false;
    int width = 0;
  };

  void FitToTerminal();
  void AppendLine(const std::vector<std::string>& cells, const char* colour,
                  std::string* out) const;
  void AppendCell(const Column& column, const std::string& text, bool last, std::string* out) const;
  std::string CellOf(const arrow::RecordBatch& batch, size_t column, int64_t row) const;

  std::shared_ptr<arrow::Schema> schema_;
  TableStyle style_;
  std::vector<Column> columns_;
  size_t shown_ = 0;
};

}  // namespace longbow::client
