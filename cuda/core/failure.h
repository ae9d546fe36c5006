// How the library fails inside: one exception with a status and one line of text, turned into rkv_error at the C
// boundary.
#pragma once

#include <stdexcept>
#include <string>

#include "rocketkv.h"

namespace rkv {

class Failure : public std::runtime_error {
 public:
  Failure(rkv_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  rkv_status status() const { return status_; }

 private:
  rkv_status status_;
};

/// Throw a Failure with a printf-style message.
[[noreturn]] void fail(rkv_status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace rkv
