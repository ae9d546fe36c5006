// What memory holds before anything was written to it: NaN as a float, -1 as an index.
#pragma once

#include <cstddef>

namespace rkv::emu {

/// Not memset(): ThreadSanitizer would take that for a write of the running thread.
inline void poison(void* p, size_t bytes) { asm volatile("rep stosb" : "+D"(p), "+c"(bytes) : "a"(0xff) : "memory"); }

}  // namespace rkv::emu
