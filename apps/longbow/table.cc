#include "table.h"

#include <algorithm>

#include <arrow/api.h>

#include "cell_text.h"
#include "display_text.h"

namespace longbow::client {
namespace {

constexpr char kDim[] = "\x1b[2m";
constexpr char kBold[] = "\x1b[1m";
constexpr char kPlain[] = "\x1b[0m";
constexpr char kNull[] = "NULL";
// A text column is not cut shorter than this to make room for others.
constexpr int kSmallestCut = 12;
// Longer cells are not looked at to the end, and not printed to the end without a terminal either.
constexpr size_t kMaxCellBytes = 4096;

std::string ShortType(const arrow::DataType& type) { return SafeForTerminal(type.ToString(), 64); }

}  // namespace

Table::Table(std::shared_ptr<arrow::Schema> schema, TableStyle style)
    : schema_(std::move(schema)), style_(style) {
  for (const auto& field : schema_->fields()) {
    Column column;
    column.name = SafeForTerminal(field->name(), kMaxCellBytes);
    column.type = ShortType(*field->type());
    column.right = IsRightAligned(*field->type());
    columns_.push_back(std::move(column));
  }
  shown_ = columns_.size();
}

void Table::Layout(const std::vector<std::shared_ptr<arrow::RecordBatch>>& first_rows) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    column.width = std::max(1, DisplayWidth(column.name));
    if (style_.types) column.width = std::max(column.width, DisplayWidth(column.type));
    for (const auto& batch : first_rows) {
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        column.width = std::max(column.width, DisplayWidth(CellOf(*batch, i, row)));
      }
    }
  }
  FitToTerminal();
}

// Text columns give way first, the widest before the others, so that numbers stay whole; then
// columns at the right are left out.
void Table::FitToTerminal() {
  if (style_.max_width <= 0) return;
  const auto total = [&] {
    int width = 0;
    for (size_t i = 0; i < shown_; ++i) width += columns_[i].width + 3;
    return width - 1;
  };
  while (total() > style_.max_width) {
    Column* widest = nullptr;
    int second = kSmallestCut;
    for (size_t i = 0; i < shown_; ++i) {
      Column& column = columns_[i];
      if (column.right || column.width <= kSmallestCut) continue;
      if (widest == nullptr || column.width > widest->width) {
        if (widest != nullptr) second = std::max(second, widest->width);
        widest = &column;
      } else {
        second = std::max(second, column.width);
      }
    }
    if (widest == nullptr) break;
    const int excess = total() - style_.max_width;
    // Down to the next widest at most, and by one where both are equal.
    const int lowest = std::min(second, widest->width - 1);
    widest->width = std::max({lowest, widest->width - excess, kSmallestCut});
  }
  while (shown_ > 1 && total() > style_.max_width) --shown_;
  if (shown_ == 1) columns_[0].width = std::min(columns_[0].width, style_.max_width - 2);
  // What was cut for columns that are gone may have its room back.
  if (shown_ < columns_.size() && shown_ > 0) {
    Column& last = columns_[shown_ - 1];
    if (!last.right) last.width += std::max(0, style_.max_width - total());
  }
}

int Table::hidden_columns() const { return static_cast<int>(columns_.size() - shown_); }

std::string Table::CellOf(const arrow::RecordBatch& batch, size_t column, int64_t row) const {
  const arrow::Array& array = *batch.column(static_cast<int>(column));
  if (IsNullCell(array, row)) return kNull;
  std::string text;
  AppendCellText(array, row, &text);
  return SafeForTerminal(text, kMaxCellBytes);
}

void Table::AppendCell(const Column& column, const std::string& text, bool last,
                       std::string* out) const {
  const std::string shown = CutToWidth(text, column.width, style_.unicode ? "…" : "~");
  const auto padding = static_cast<size_t>(std::max(0, column.width - DisplayWidth(shown)));
  if (column.right) out->append(padding, ' ');
  out->append(shown);
  // No blanks at the end of lines.
  if (!column.right && !last) out->append(padding, ' ');
}

void Table::AppendLine(const std::vector<std::string>& cells, const char* colour,
                       std::string* out) const {
  for (size_t i = 0; i < shown_; ++i) {
    out->append(i == 0 ? " " : style_.unicode ? " │ " : " | ");
    if (style_.colour) out->append(colour);
    AppendCell(columns_[i], cells[i], i + 1 == shown_, out);
    if (style_.colour) out->append(kPlain);
  }
  out->push_back('\n');
}

void Table::AppendHead(std::string* out) const {
  if (shown_ == 0) return;
  std::vector<std::string> names;
  std::vector<std::string> types;
  for (const Column& column : columns_) {
    names.push_back(column.name);
    types.push_back(column.type);
  }
  AppendLine(names, kBold, out);
  if (style_.types) AppendLine(types, kDim, out);
  for (size_t i = 0; i < shown_; ++i) {
    if (i > 0) out->append(style_.unicode ? "┼" : "+");
    for (int n = 0; n < columns_[i].width + 2; ++n) out->append(style_.unicode ? "─" : "-");
  }
  out->push_back('\n');
}

void Table::AppendRows(const arrow::RecordBatch& batch, std::string* out) const {
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    for (size_t i = 0; i < shown_; ++i) {
      const arrow::Array& array = *batch.column(static_cast<int>(i));
      out->append(i == 0 ? " " : style_.unicode ? " │ " : " | ");
      const bool dim = style_.colour && IsNullCell(array, row);
      if (dim) out->append(kDim);
      AppendCell(columns_[i], CellOf(batch, i, row), i + 1 == shown_, out);
      if (dim) out->append(kPlain);
    }
    out->push_back('\n');
  }
}

}  // namespace longbow::client
