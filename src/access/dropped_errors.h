/// \file
/// OpenSSL's queue of errors, kept clean.
#pragma once

#include <openssl/err.h>

namespace longbow::access {

/// Drops the errors of OpenSSL that come up on its thread while it lives: we tell them in our own
/// words, and what stayed in the queue, TLS on the same thread would take for its own.
class DroppedErrors {
 public:
  DroppedErrors() { ERR_set_mark(); }
  ~DroppedErrors() { ERR_pop_to_mark(); }
  DroppedErrors(const DroppedErrors&) = delete;
  DroppedErrors& operator=(const DroppedErrors&) = delete;
};

}  // namespace longbow::access
