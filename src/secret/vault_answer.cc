#include "secret/vault_answer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <longbow/error.h>

#include "secret/wipe.h"

namespace longbow::secret {
namespace {

using Json = nlohmann::json;

// More than anybody means; and sums with it do not overflow.
constexpr int64_t kMaxTtlSec = int64_t{10} * 365 * 24 * 3600;
constexpr int kMaxDepth = 64;
// Of one error's answer.
constexpr size_t kMaxErrors = 4;

/// Whether arrays and objects are nested deeper than any answer of Vault's. A parser takes seconds
/// for a mebibyte of brackets.
bool IsTooDeep(const std::string& body) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (c == '"') in_text = !in_text;
    if (in_text) {
      if (c == '\\') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

/// A parsed answer whose texts are wiped in the end.
class Answer {
 public:
  explicit Answer(const std::string& body)
      : root_(IsTooDeep(body) ? Json() : Json::parse(body, nullptr, /*allow_exceptions=*/false)) {}
  ~Answer() {
    std::vector<Json*> open{&root_};
    while (!open.empty()) {
      Json* json = open.back();
      open.pop_back();
      if (auto* text = json->get_ptr<std::string*>()) Wipe(text);
      if (json->is_structured()) {
        for (Json& child : *json) open.push_back(&child);
      }
    }
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  const Json& root() const { return root_; }

 private:
  Json root_;
};

/// The member of that name; null where there is none.
const Json* Member(const Json* json, const std::string& name) {
  if (json == nullptr || !json->is_object()) return nullptr;
  auto found = json->find(name);
  return found == json->end() ? nullptr : &*found;
}

const std::string* Text(const Json* json) {
  return json == nullptr ? nullptr : json->get_ptr<const std::string*>();
}

/// A number of seconds; 0 where it is none, or negative.
std::chrono::seconds Seconds(const Json* json) {
  if (json == nullptr || !json->is_number_integer()) return std::chrono::seconds(0);
  if (json->is_number_unsigned()) {
    const auto value = *json->get_ptr<const Json::number_unsigned_t*>();
    return std::chrono::seconds(std::min<uint64_t>(value, kMaxTtlSec));
  }
  const auto value = *json->get_ptr<const Json::number_integer_t*>();
  return std::chrono::seconds(std::clamp<int64_t>(value, 0, kMaxTtlSec));
}

bool IsTrue(const Json* json) {
  const auto* value = json == nullptr ? nullptr : json->get_ptr<const bool*>();
  return value != nullptr && *value;
}

/// What may stand in a header.
bool IsTokenText(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

arrow::Status Unexpected(const char* what) {
  return MakeError(ErrorCode::kCommandFailed,
                   std::string("Vault's answer to ") + what + " has not the form of Vault's API",
                   "Is that address really a Vault server's?");
}

}  // namespace

arrow::Result<VaultToken> ParseLogin(const std::string& body) {
  const Answer answer(body);
  const Json* auth = Member(&answer.root(), "auth");
  const std::string* token = Text(Member(auth, "client_token"));
  if (token == nullptr || !IsTokenText(*token)) return Unexpected("a login or a renewal");
  return VaultToken{*token, Seconds(Member(auth, "lease_duration")),
                    IsTrue(Member(auth, "renewable"))};
}

arrow::Result<VaultToken> ParseLookup(const std::string& body) {
  const Answer answer(body);
  const Json* data = Member(&answer.root(), "data");
  const Json* ttl = Member(data, "ttl");
  if (ttl == nullptr || !ttl->is_number_integer()) return Unexpected("the look-up of the token");
  return VaultToken{"", Seconds(ttl), IsTrue(Member(data, "renewable"))};
}

arrow::Result<VaultSecret> ParseSecret(const std::string& body, const std::string& key) {
  const Answer answer(body);
  const Json* data = Member(Member(&answer.root(), "data"), "data");
  const bool has_metadata = Member(Member(&answer.root(), "data"), "metadata") != nullptr;
  if (data == nullptr || !data->is_object() || !has_metadata) {
    return MakeError(ErrorCode::kCommandFailed,
                     "Vault's answer has not the form of the key/value engine's version 2",
                     "Is the mount one of version 2 (vault secrets list -detailed)?");
  }
  VaultSecret secret;
  secret.lease = Seconds(Member(&answer.root(), "lease_duration"));
  const Json* value = Member(data, key);
  if (value == nullptr) return secret;
  if (const std::string* text = Text(value)) {
    secret.value = *text;
  } else if (value->is_number() || value->is_boolean()) {
    secret.value = value->dump(-1, ' ', false, Json::error_handler_t::replace);
  } else {
    return MakeError(ErrorCode::kBadArgument, "the key's value is no text",
                     "Store a text under the key, not a list, an object or null.");
  }
  return secret;
}

bool IsDeletedVersion(const std::string& body) {
  const Answer answer(body);
  const Json* metadata = Member(Member(&answer.root(), "data"), "metadata");
  const std::string* deleted = Text(Member(metadata, "deletion_time"));
  return (deleted != nullptr && !deleted->empty()) || IsTrue(Member(metadata, "destroyed"));
}

std::string ParseErrors(const std::string& body) {
  const Answer answer(body);
  const Json* errors = Member(&answer.root(), "errors");
  std::string text;
  if (errors == nullptr || !errors->is_array()) return text;
  for (size_t i = 0; i < std::min(errors->size(), kMaxErrors); ++i) {
    const std::string* error = Text(&(*errors)[i]);
    if (error == nullptr || error->empty()) continue;
    if (!text.empty()) text += "; ";
    text += *error;
  }
  return text;
}

std::string MakeJsonObject(
    std::initializer_list<std::pair<const char*, const std::string*>> members) {
  Json object = Json::object();
  for (const auto& [name, value] : members) object[name] = *value;
  std::string text = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (Json& value : object) Wipe(value.get_ptr<std::string*>());
  return text;
}

}  // namespace longbow::secret
