#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

/// Codes and scales of one head.
struct Codes {
  Codes(int n, int d, int bits, int group)
      : n(n),
        bits(bits),
        group(group),
        k(static_cast<size_t>(n * d * bits / 8), 0xee),
        v(k),
        k_scale(static_cast<size_t>(n / group * 2 * d), 0x1234),
        v_scale(k_scale),
        device_k(k),
        device_v(v),
        device_k_scale(k_scale),
        device_v_scale(v_scale) {}

  QuantHead host(const Run& rows) {
    return {rows.k, rows.v, n, k.data(), v.data(), {bits, group, k_scale.data(), v_scale.data()}};
  }
  QuantHead device(const Run& rows) const {
    return {rows.k,          rows.v,          n,
            device_k.data(), device_v.data(), {bits, group, device_k_scale.data(), device_v_scale.data()}};
  }
  void check(const char* what) const {
    check_equal(device_k_scale.download(), k_scale, "%s: scales of K", what);
    check_equal(device_v_scale.download(), v_scale, "%s: scales of V", what);
    check_equal(device_k.download(), k, "%s: codes of K", what);
    check_equal(device_v.download(), v, "%s: codes of V", what);
  }

  int n, bits, group;
  std::vector<uint8_t> k, v;
  std::vector<uint16_t> k_scale, v_scale;
  DeviceArray<uint8_t> device_k, device_v;
  DeviceArray<uint16_t> device_k_scale, device_v_scale;
};

void compare(int n, int d, DType kv, int bits, int group) {
  const TestCache first({{n}, d, kv}, 4), second({{n + group}, d, kv}, 5);
  Codes a(n, d, bits, group), b(n + group, d, bits, group);
  const std::vector<QuantHead> host = {a.host(first.host().runs[0]), b.host(second.host().runs[0])};
  const std::vector<QuantHead> device = {a.device(first.device().runs[0]), b.device(second.device().runs[0])};
  cpu().quantise(host, d, kv);
  gpu::quantise(launcher(), device, d, kv);
  char what[80];
  std::snprintf(what, sizeof what, "%d rows of %d %s, %d bits, group %d", n, d, dtype_name(kv), bits, group);
  a.check(what);
  b.check(what);
}

}  // namespace

GPU_TEST("quantise gives the CPU's codes and scales") {
  for (const int bits : {2, 4, 8}) {
    for (const int d : {16, 64, 128, 256}) compare(32, d, d == 64 ? RKV_F32 : RKV_BF16, bits, 16);
    compare(24, 24, RKV_F32, bits, 8);
    compare(6, 80, RKV_BF16, bits, 2);
    compare(64, 64, RKV_BF16, bits, 64);
    compare(0, 64, RKV_BF16, bits, 32);
  }
}

GPU_TEST("quantise stores groups of equal numbers as such") {
  const int n = 8, d = 16;
  const std::vector<uint8_t> rows = to_dtype(std::vector<float>(n * d, 40000.7f), RKV_F32);
  const DeviceArray<uint8_t> device_rows(rows);
  const Run host{rows.data(), rows.data(), nullptr, n}, device{device_rows.data(), device_rows.data(), nullptr, n};
  Codes codes(n, d, 4, 8);
  const QuantHead on_host = codes.host(host), on_device = codes.device(device);
  cpu().quantise(std::span(&on_host, 1), d, RKV_F32);
  gpu::quantise(launcher(), std::span(&on_device, 1), d, RKV_F32);
  codes.check("equal numbers");
}

GPU_TEST("quantise of no heads does nothing") { gpu::quantise(launcher(), {}, 64, RKV_BF16); }

}  // namespace rkv::test
