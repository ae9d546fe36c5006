// Device memory and pinned host memory: who owns which bytes.
#pragma once

#include <cstddef>

#include "emu/errors.h"

namespace rkv::emu {

enum class Place { kHost, kPinned, kDevice };

/// Where [p, p + bytes) lies. Bytes that begin in an allocation and leave it are an error.
cudaError_t locate(const void* p, size_t bytes, Place* place);

}  // namespace rkv::emu
