#include "transport/unpacked_bytes.h"

#include <cstddef>
#include <cstring>
#include <limits>

namespace longbow::transport {
namespace {

// Of format/Message.fbs: fields in their order, and values of the union `MessageHeader`.
constexpr size_t kHeaderType = 1;
constexpr size_t kHeader = 2;
constexpr size_t kDictionaryId = 0;
constexpr size_t kDictionaryData = 1;
constexpr size_t kDictionaryIsDelta = 2;
constexpr size_t kBuffers = 2;
constexpr size_t kCompression = 3;
constexpr uint8_t kDictionaryBatch = 2;
constexpr uint8_t kRecordBatch = 3;
// A buffer in a header: where it begins in the body, and its length.
constexpr size_t kBufferBytes = 16;
// A compressed buffer begins with its size when it is unpacked, or this for one that is as it was.
constexpr int64_t kNotCompressed = -1;

template <typename Number>
std::optional<Number> ReadAt(std::string_view bytes, size_t at) {
  if (bytes.size() < sizeof(Number) || at > bytes.size() - sizeof(Number)) return std::nullopt;
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

int64_t Add(int64_t a, int64_t b) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  return a > kMost - b ? kMost : a + b;
}

/// A table of a flatbuffer: it begins with the distance back to its list of fields, which has two
/// bytes for its own size, two for the table's, and then for each field how far from the table's
/// begin it is, or 0 where it is left out (https://flatbuffers.dev/internals/).
class Table {
 public:
  static std::optional<Table> Root(std::string_view bytes) {
    const auto at = ReadAt<uint32_t>(bytes, 0);
    return at ? Make(bytes, *at) : std::nullopt;
  }

  /// 0 where it is left out.
  template <typename Number>
  std::optional<Number> Get(size_t field) const {
    const std::optional<size_t> at = Find(field);
    if (!at) return std::nullopt;
    return *at == 0 ? Number{0} : ReadAt<Number>(bytes_, *at);
  }
  bool Has(size_t field) const { return Find(field).value_or(0) != 0; }
  std::optional<Table> Child(size_t field) const {
    const std::optional<size_t> at = Target(field);
    return at ? Make(bytes_, *at) : std::nullopt;
  }
  /// The items of a vector, without its length.
  std::optional<std::string_view> Items(size_t field, size_t item_bytes) const {
    const std::optional<size_t> at = Target(field);
    if (!at) return std::nullopt;
    const auto count = ReadAt<uint32_t>(bytes_, *at);
    if (!count) return std::nullopt;
    const std::string_view rest = bytes_.substr(*at + sizeof(uint32_t));
    if (*count > rest.size() / item_bytes) return std::nullopt;
    return rest.substr(0, *count * item_bytes);
  }

 private:
  Table(std::string_view bytes, size_t at, size_t fields)
      : bytes_(bytes), at_(at), fields_(fields) {}

  static std::optional<Table> Make(std::string_view bytes, size_t at) {
    const auto back = ReadAt<int32_t>(bytes, at);
    if (!back) return std::nullopt;
    const int64_t fields = static_cast<int64_t>(at) - *back;
    if (fields < 0) return std::nullopt;
    return Table(bytes, at, static_cast<size_t>(fields));
  }

  /// Where the field is; 0 where it is left out, nothing where that cannot be read.
  std::optional<size_t> Find(size_t field) const {
    const auto size = ReadAt<uint16_t>(bytes_, fields_);
    if (!size) return std::nullopt;
    const size_t entry = (2 + field) * sizeof(uint16_t);
    if (entry + sizeof(uint16_t) > *size) return size_t{0};
    const auto distance = ReadAt<uint16_t>(bytes_, fields_ + entry);
    if (!distance) return std::nullopt;
    return *distance == 0 ? size_t{0} : at_ + *distance;
  }

  /// What the field points to.
  std::optional<size_t> Target(size_t field) const {
    const std::optional<size_t> at = Find(field);
    if (!at || *at == 0) return std::nullopt;
    const auto distance = ReadAt<uint32_t>(bytes_, *at);
    return distance ? std::optional(*at + *distance) : std::nullopt;
  }

  std::string_view bytes_;
  size_t at_;
  size_t fields_;
};

std::optional<int64_t> BytesOfBatch(const Table& batch, std::string_view body) {
  if (!batch.Has(kCompression)) return 0;
  // A batch without columns has no buffers.
  if (!batch.Has(kBuffers)) return 0;
  const auto buffers = batch.Items(kBuffers, kBufferBytes);
  if (!buffers) return std::nullopt;
  int64_t sum = 0;
  for (size_t at = 0; at < buffers->size(); at += kBufferBytes) {
    const int64_t begin = *ReadAt<int64_t>(*buffers, at);
    const int64_t length = *ReadAt<int64_t>(*buffers, at + sizeof(int64_t));
    if (length == 0) continue;
    if (begin < 0 || length < 0) return std::nullopt;
    const auto unpacked = ReadAt<int64_t>(body, static_cast<size_t>(begin));
    if (!unpacked || *unpacked < kNotCompressed) return std::nullopt;
    sum = Add(sum, *unpacked == kNotCompressed ? length : *unpacked);
  }
  return sum;
}

}  // namespace

std::optional<UnpackedBytes> ReadUnpackedBytes(std::string_view header, std::string_view body) {
  const auto message = Table::Root(header);
  if (!message) return std::nullopt;
  const auto type = message->Get<uint8_t>(kHeaderType);
  if (!type) return std::nullopt;
  if (*type != kDictionaryBatch && *type != kRecordBatch) return UnpackedBytes{};
  auto batch = message->Child(kHeader);
  if (!batch) return std::nullopt;
  UnpackedBytes result;
  if (*type == kDictionaryBatch) {
    result.dictionary = batch->Get<int64_t>(kDictionaryId);
    const auto is_delta = batch->Get<uint8_t>(kDictionaryIsDelta);
    batch = batch->Child(kDictionaryData);
    if (!result.dictionary || !is_delta || !batch) return std::nullopt;
    result.adds_to_dictionary = *is_delta != 0;
  }
  const auto bytes = BytesOfBatch(*batch, body);
  if (!bytes) return std::nullopt;
  result.bytes = *bytes;
  return result;
}

bool UnpackedSum::Take(const UnpackedBytes& message) {
  if (!message.dictionary) return Add(dictionaries_, message.bytes) <= limit_;
  int64_t& kept = by_dictionary_[*message.dictionary];
  dictionaries_ -= kept;
  kept = message.adds_to_dictionary ? Add(kept, message.bytes) : message.bytes;
  if (kept > limit_ - dictionaries_) return false;
  dictionaries_ += kept;
  return true;
}

}  // namespace longbow::transport
