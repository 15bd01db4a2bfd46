/// \file
/// Overwrites secrets in memory.
#pragma once

#include <string>

namespace longbow::secret {

/// Overwrites all that `text` has allocated, and empties it. The compiler does not leave it out.
/// Copies that were made elsewhere stay. Thread-safe for different texts.
void Wipe(std::string* text);

}  // namespace longbow::secret
