#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "telemetry/span_data.h"
#include "telemetry/span_sink.h"
#include "telemetry/trace.h"

namespace longbow::telemetry {
namespace {

// An attribute's place costs memory beside its texts.
constexpr size_t kAttributeBytes = 64;

size_t SizeOf(const AttributeValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? 0 : text->size();
}

void CutText(size_t max_characters, std::string* text) {
  // A text within the limit in bytes is within it in characters.
  if (text->size() <= max_characters) return;
  text->resize(CutToCharacters(*text, max_characters).size());
}

}  // namespace

Span::Span() = default;
Span::Span(TraceContext context) : context_(std::move(context)) {}
Span::Span(TraceContext context, std::unique_ptr<SpanData> data, std::shared_ptr<SpanSink> sink)
    : context_(std::move(context)), data_(std::move(data)), sink_(std::move(sink)) {}
Span::Span(Span&& other) noexcept = default;

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  End();
  context_ = std::move(other.context_);
  data_ = std::move(other.data_);
  sink_ = std::move(other.sink_);
  return *this;
}

Span::~Span() { End(); }

void Span::SetAttribute(std::string_view name, AttributeValue value) {
  if (data_ == nullptr) return;
  const SpanLimits& limits = sink_->limits();
  if (auto* text = std::get_if<std::string>(&value)) {
    CutText(static_cast<size_t>(limits.attribute_value_characters), text);
  }
  name = CutToCharacters(name, kMaxSpanNameCharacters);
  auto& attributes = data_->attributes;
  auto found = std::find_if(attributes.begin(), attributes.end(),
                            [&](const auto& attribute) { return attribute.first == name; });
  const size_t known = found == attributes.end() ? 0 : SizeOf(found->second);
  const size_t added =
      SizeOf(value) + (found == attributes.end() ? name.size() + kAttributeBytes : 0);
  const bool has_room =
      found != attributes.end() || attributes.size() < static_cast<size_t>(limits.attributes);
  if (!has_room || data_->bytes - known + added > kMaxSpanBytes) {
    ++data_->dropped_attributes;
    return;
  }
  data_->bytes += added - known;
  if (found != attributes.end()) {
    found->second = std::move(value);
  } else {
    attributes.emplace_back(name, std::move(value));
  }
}

void Span::AddEvent(std::string_view name) {
  if (data_ == nullptr) return;
  name = CutToCharacters(name, kMaxSpanNameCharacters);
  const size_t added = name.size() + kAttributeBytes;
  if (data_->events.size() >= static_cast<size_t>(sink_->limits().events) ||
      data_->bytes + added > kMaxSpanBytes) {
    ++data_->dropped_events;
    return;
  }
  data_->bytes += added;
  data_->events.push_back({std::string(name), Now()});
}

void Span::SetError(std::string_view message) {
  if (data_ == nullptr) return;
  data_->failed = true;
  const auto limit = static_cast<size_t>(sink_->limits().attribute_value_characters);
  data_->error = CutToCharacters(message, limit);
}

// The start's calendar time and how long ago that is: an operator who sets the clock back makes no
// span shorter.
WallTime Span::Now() const {
  const auto passed = sink_->clock().Now() - data_->anchor;
  return data_->anchor_wall + std::chrono::duration_cast<WallTime::duration>(passed);
}

void Span::End() {
  if (data_ != nullptr) Finish(Now());
}

void Span::EndAt(WallTime time) {
  if (data_ != nullptr) Finish(time);
}

void Span::Finish(WallTime end) {
  data_->end = std::max(end, data_->start);
  sink_->Add(std::move(data_));
  data_ = nullptr;
  sink_ = nullptr;
}

}  // namespace longbow::telemetry
