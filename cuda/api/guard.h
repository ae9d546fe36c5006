// The C boundary: argument checks that every call needs, and exceptions turned into statuses.
#pragma once

#include <cstdio>
#include <new>

#include "core/failure.h"

namespace rkv {

inline int32_t report(rkv_error* err, rkv_status status, const char* message) {
  if (err != nullptr && err->struct_size == sizeof *err) {
    err->code = status;
    std::snprintf(err->message, sizeof err->message, "%s", message);
  }
  return status;
}

/// Run the body of an exported function. An exception that crossed into the caller would abort the process.
template <class F>
int32_t guarded(rkv_error* err, F&& body) noexcept {
  try {
    body();
    return RKV_OK;
  } catch (const Failure& failure) {
    return report(err, failure.status(), failure.what());
  } catch (const std::bad_alloc&) {
    return report(err, RKV_E_MEMORY, "out of memory");
  } catch (const std::exception& defect) {
    return report(err, RKV_E_INTERNAL, defect.what());
  } catch (...) {
    return report(err, RKV_E_INTERNAL, "unknown failure");
  }
}

/// @throws Failure RKV_E_ARG when a required pointer is NULL.
template <class T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) fail(RKV_E_ARG, "%s must not be NULL", name);
  return *pointer;
}

/// As required(), and the struct must have the size that this library was built with.
template <class T>
T& checked_struct(T* pointer, const char* name) {
  if (required(pointer, name).struct_size != sizeof(T)) {
    fail(RKV_E_ARG, "%s: struct_size must be %zu: found %u", name, sizeof(T), pointer->struct_size);
  }
  return *pointer;
}

template <class T>
T* optional_struct(T* pointer, const char* name) {
  return pointer == nullptr ? nullptr : &checked_struct(pointer, name);
}

}  // namespace rkv
