#include "core/failure.h"

#include <cstdarg>
#include <cstdio>

namespace rkv {

void fail(rkv_status status, const char* format, ...) {
  char text[sizeof(rkv_error::message)];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  throw Failure(status, text);
}

}  // namespace rkv
