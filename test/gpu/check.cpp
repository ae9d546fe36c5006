#include "check.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <numeric>

#include "core/numeric.h"

namespace rkv::test {
namespace {

/// splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) {}
  uint64_t next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }

 private:
  uint64_t state_;
};

}  // namespace

std::vector<float> random_floats(size_t count, uint64_t seed, float low, float high) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = low + (high - low) * (static_cast<float>(random.next() >> 40) * 0x1p-24f);
  return values;
}

std::vector<int32_t> random_ints(size_t count, uint64_t seed, int32_t below) {
  Random random(seed);
  std::vector<int32_t> values(count);
  for (int32_t& v : values) v = static_cast<int32_t>(random.below(static_cast<uint64_t>(below)));
  return values;
}

std::vector<int32_t> random_order(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = count; i > 1; i--) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

std::vector<uint16_t> to_bf16(const std::vector<float>& values) {
  std::vector<uint16_t> out(values.size());
  for (size_t i = 0; i < values.size(); i++) out[i] = f32_to_bf16(values[i]);
  return out;
}

std::vector<float> from_bf16(const std::vector<uint16_t>& values) {
  std::vector<float> out(values.size());
  for (size_t i = 0; i < values.size(); i++) out[i] = bf16_to_f32(values[i]);
  return out;
}

void check_failed(const std::string& difference, const char* what, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, what);
  std::vsnprintf(text, sizeof text, what, arguments);
  va_end(arguments);
  throw CheckFailed(std::string(text) + ": " + difference);
}

int64_t first_difference(const std::vector<float>& found, const std::vector<float>& wanted, float tolerance) {
  if (found.size() != wanted.size()) return 0;
  for (size_t i = 0; i < found.size(); i++) {
    if (found[i] == wanted[i]) continue;
    if (!(std::fabs(found[i] - wanted[i]) <= tolerance * std::fmax(1.0f, std::fabs(wanted[i])))) {
      return static_cast<int64_t>(i);
    }
  }
  return -1;
}

std::string describe_difference(const std::vector<float>& found, const std::vector<float>& wanted, int64_t at) {
  char text[128];
  if (found.size() != wanted.size()) {
    std::snprintf(text, sizeof text, "%zu elements instead of %zu", found.size(), wanted.size());
  } else {
    const auto i = static_cast<size_t>(at);
    std::snprintf(text, sizeof text, "element %zu is %.9g instead of %.9g", i, static_cast<double>(found[i]),
                  static_cast<double>(wanted[i]));
  }
  return text;
}

}  // namespace rkv::test
