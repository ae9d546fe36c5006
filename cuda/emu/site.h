// Where in a kernel's source a collective, a barrier or a copy was called: a default argument of every such function.
#pragma once

#include <bit>
#include <source_location>

namespace rkv::emu {

using Site = std::source_location;

/// Whether two sites are one call in the source. A location is a pointer to one constant per call, so this is cheap.
inline bool same(const Site& a, const Site& b) {
  return std::bit_cast<const void*>(a) == std::bit_cast<const void*>(b);
}

}  // namespace rkv::emu
