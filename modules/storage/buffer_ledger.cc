#include "buffer_ledger.h"

#include <unordered_set>
#include <utility>
#include <vector>

#include <arrow/array/data.h>

namespace longbow::storage {

namespace {

// The buffer that owns the memory of `buffer`, without the wrapper of this or another ledger.
std::shared_ptr<arrow::Buffer> OwnerOf(std::shared_ptr<arrow::Buffer> buffer) {
  while (buffer->parent() != nullptr) buffer = buffer->parent();
  if (const auto* counted = dynamic_cast<const CountedBuffer*>(buffer.get())) {
    return counted->held();
  }
  return buffer;
}

template <typename Visit>
void ForEachBuffer(const arrow::ArrayData& data, const Visit& visit) {
  for (const auto& buffer : data.buffers) {
    if (buffer != nullptr) visit(buffer);
  }
  for (const auto& child : data.child_data) ForEachBuffer(*child, visit);
  if (data.dictionary != nullptr) ForEachBuffer(*data.dictionary, visit);
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> BufferLedger::Keep(
    const arrow::RecordBatch& batch) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns(batch.num_columns());
  for (int i = 0; i < batch.num_columns(); ++i) {
    ARROW_ASSIGN_OR_RAISE(columns[i], Keep(batch.column_data(i)));
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

arrow::Result<std::shared_ptr<arrow::Buffer>> BufferLedger::Keep(
    std::shared_ptr<arrow::Buffer> buffer) {
  if (buffer == nullptr) return buffer;
  auto owner = OwnerOf(buffer);
  auto& counted = buffers_[owner.get()];
  if (counted == nullptr) {
    Charge charge(budget_);
    if (auto status = grow_(&charge, owner->capacity()); !status.ok()) {
      buffers_.erase(owner.get());
      return status;
    }
    bytes_ += owner->capacity();
    counted = std::make_shared<CountedBuffer>(owner, std::move(charge));
  }
  if (buffer->data() == counted->data() && buffer->size() == counted->size()) return counted;
  return std::make_shared<arrow::Buffer>(buffer->data(), buffer->size(), buffer->memory_manager(),
                                         counted);
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> BufferLedger::Keep(
    const std::shared_ptr<arrow::ArrayData>& data) {
  auto kept = data->Copy();
  for (auto& buffer : kept->buffers) {
    ARROW_ASSIGN_OR_RAISE(buffer, Keep(std::move(buffer)));
  }
  for (auto& child : kept->child_data) {
    ARROW_ASSIGN_OR_RAISE(child, Keep(child));
  }
  if (kept->dictionary != nullptr) {
    ARROW_ASSIGN_OR_RAISE(kept->dictionary, KeepDictionary(kept->dictionary));
  }
  return kept;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> BufferLedger::KeepDictionary(
    const std::shared_ptr<arrow::ArrayData>& dictionary) {
  auto found = dictionaries_.find(dictionary.get());
  if (found != dictionaries_.end()) return found->second.kept;
  ARROW_ASSIGN_OR_RAISE(auto kept, Keep(dictionary));
  dictionaries_.emplace(dictionary.get(), KeptDictionary{dictionary, kept});
  return kept;
}

int64_t BufferLedger::NewBytes(const arrow::RecordBatch& batch) const {
  int64_t bytes = 0;
  std::unordered_set<const arrow::Buffer*> seen;
  for (int i = 0; i < batch.num_columns(); ++i) {
    ForEachBuffer(*batch.column_data(i), [&](const std::shared_ptr<arrow::Buffer>& buffer) {
      auto owner = OwnerOf(buffer);
      if (!buffers_.contains(owner.get()) && seen.insert(owner.get()).second) {
        bytes += owner->capacity();
      }
    });
  }
  return bytes;
}

void BufferLedger::Clear() {
  dictionaries_.clear();
  buffers_.clear();
  bytes_ = 0;
}

}  // namespace longbow::storage
