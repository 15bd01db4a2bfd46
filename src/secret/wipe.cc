#include "secret/wipe.h"

#include <cstring>

namespace longbow::secret {

void Wipe(std::string* text) {
  // The capacity: a text that was longer once, or was moved from, has bytes behind its end.
  text->resize(text->capacity());
  explicit_bzero(text->data(), text->size());
  text->clear();
}

}  // namespace longbow::secret
