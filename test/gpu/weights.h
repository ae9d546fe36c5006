// Random weights of any type, as in files, as packed device memory, and as the numbers that they stand for.
#pragma once

#include "check.h"

namespace rkv::test {

/// Every type of weights. All take rows of a multiple of 256.
constexpr DType kAllTypes[] = {RKV_F32,  RKV_F16,  RKV_BF16, RKV_Q8_0, RKV_Q4_0, RKV_Q4_1,
                               RKV_Q5_0, RKV_Q5_1, RKV_Q4_K, RKV_Q5_K, RKV_Q6_K};

class TestWeight {
 public:
  /// Quantised blocks are random bits but for their f16 numbers, so that every bit matters and all numbers are finite.
  TestWeight(DType dtype, int rows, int cols, uint64_t seed);

  const Weight& mapped() const { return mapped_; }  // host, file order
  const Weight& packed() const { return packed_; }  // device
  std::vector<float> row(int index) const;          // dequantised by the CPU backend

 private:
  std::vector<uint8_t> bytes_;
  DeviceArray<uint8_t> device_;
  Weight mapped_, packed_;
};

/// x[n, cols] W^T + bias in f64, and the sum of magnitudes of every result's terms.
struct Product {
  std::vector<float> y, magnitude;  // [n, rows]
};
Product multiply(const std::vector<float>& x, int n, const TestWeight& weight, const std::vector<float>& bias);

/// |found - wanted| <= tolerance * magnitude: sums are judged by the size of what was added up.
template <class... A>
void check_sums(const std::vector<float>& found, const Product& wanted, float tolerance, const char* what,
                A... arguments) {
  std::vector<float> scaled_found(found), scaled_wanted(wanted.y);
  for (size_t i = 0; i < found.size(); i++) {
    scaled_found[i] /= wanted.magnitude[i];
    scaled_wanted[i] /= wanted.magnitude[i];
  }
  check_close(scaled_found, scaled_wanted, tolerance, what, arguments...);
}

}  // namespace rkv::test
