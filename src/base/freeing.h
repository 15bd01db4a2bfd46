/// \file
/// Owns what a C library has made.
#pragma once

namespace longbow {

/// For `std::unique_ptr`: frees with the library's own function, as in
/// `std::unique_ptr<BIO, Freeing<&BIO_free_all>>`.
template <auto Free>
struct Freeing {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace longbow
