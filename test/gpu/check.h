// Tests of the CUDA kernels, on a device or under the emulator: every op against the CPU's.
//
//   GPU_TEST("rms_norm scales rows") {
//     const std::vector<float> x = random_floats(64, 1);
//     DeviceArray<float> device_x(x), device_y(64);
//     gpu::rms_norm(launcher(), device_x.data(), ...);
//     check_close(device_y.download(), wanted, 1e-6f, "row of %d", 64);
//   }
//
// A check that fails ends its test; the others go on.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/ops.h"
#include "gpu/launcher.h"
#include "gpu/scratch.h"

namespace rkv::test {

/// Ends a test; its text says what differed.
class CheckFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Register {
  Register(const char* name, void (*run)());
};

#define RKV_JOIN_(a, b) a##b
#define RKV_JOIN(a, b) RKV_JOIN_(a, b)
#define GPU_TEST(name)                                                                                         \
  static void RKV_JOIN(gpu_test_, __LINE__)();                                                                 \
  static const ::rkv::test::Register RKV_JOIN(gpu_test_entry_, __LINE__){name, RKV_JOIN(gpu_test_, __LINE__)}; \
  static void RKV_JOIN(gpu_test_, __LINE__)()

// What all tests share. A failed test gets the next one a new launcher and scratch.
gpu::Launcher& launcher();
gpu::Scratch& scratch();
/// The CPU backend with one thread, whose ops take host memory.
Ops& cpu();

// Seeded, the same on every machine.
std::vector<float> random_floats(size_t count, uint64_t seed, float low = -1, float high = 1);
/// In [0, below).
std::vector<int32_t> random_ints(size_t count, uint64_t seed, int32_t below);
/// A random order of 0 .. count - 1.
std::vector<int32_t> random_order(size_t count, uint64_t seed);
std::vector<uint16_t> to_bf16(const std::vector<float>& values);
std::vector<float> from_bf16(const std::vector<uint16_t>& values);

/// Device memory for a test. What was not uploaded is filled with 0xff bytes: NaN as a float, -1 as an integer.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : size_(count) {
    // At least a byte, so that empty arrays have an address as well.
    gpu::check(cudaMalloc(&data_, std::max<size_t>(count * sizeof(T), 1)), "allocate device memory");
    gpu::check(cudaMemset(data_, 0xff, count * sizeof(T)), "fill device memory");
    gpu::check(cudaDeviceSynchronize(), "fill device memory");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) { upload(values); }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  size_t size() const { return size_; }
  void upload(const std::vector<T>& values) {
    launcher().wait();
    gpu::check(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice), "upload");
  }
  /// Waits for the launcher's work.
  std::vector<T> download() const {
    launcher().wait();
    std::vector<T> values(size_);
    gpu::check(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), "download");
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t size_;
};

// Checks. `what` is a printf format; it stands before the difference that was found.

[[noreturn]] void check_failed(const std::string& difference, const char* what, ...)
    __attribute__((format(printf, 2, 3)));

/// |found - wanted| <= tolerance * max(1, |wanted|) everywhere; infinities must be the same, NaN is never right.
/// @return the first index that is off, or -1.
int64_t first_difference(const std::vector<float>& found, const std::vector<float>& wanted, float tolerance);
std::string describe_difference(const std::vector<float>& found, const std::vector<float>& wanted, int64_t at);

template <class... A>
void check_close(const std::vector<float>& found, const std::vector<float>& wanted, float tolerance, const char* what,
                 A... arguments) {
  const int64_t at = first_difference(found, wanted, tolerance);
  if (at >= 0) check_failed(describe_difference(found, wanted, at), what, arguments...);
}

template <class T, class... A>
void check_equal(const std::vector<T>& found, const std::vector<T>& wanted, const char* what, A... arguments) {
  if (found.size() != wanted.size()) {
    check_failed(std::to_string(found.size()) + " elements instead of " + std::to_string(wanted.size()), what,
                 arguments...);
  }
  for (size_t i = 0; i < found.size(); i++) {
    if (found[i] == wanted[i]) continue;
    check_failed(
        "element " + std::to_string(i) + " is " + std::to_string(found[i]) + " instead of " + std::to_string(wanted[i]),
        what, arguments...);
  }
}

template <class T, class... A>
void check_equal(T found, T wanted, const char* what, A... arguments) {
  if (!(found == wanted)) {
    check_failed(std::to_string(found) + " instead of " + std::to_string(wanted), what, arguments...);
  }
}

template <class... A>
void check_true(bool condition, const char* what, A... arguments) {
  if (!condition) check_failed("does not hold", what, arguments...);
}

/// `body` must throw a Failure with this status.
template <class Body>
void check_fails(rkv_status wanted, Body body, const char* what) {
  try {
    body();
  } catch (const Failure& failure) {
    if (failure.status() != wanted) check_failed(std::string("wrong status: ") + failure.what(), "%s", what);
    return;
  }
  check_failed("nothing failed", "%s", what);
}

}  // namespace rkv::test
