#include "api/guard.h"
#include "core/backend.h"

using namespace rkv;

int32_t rkv_abi_version(void) { return RKV_ABI_VERSION; }

int32_t rkv_device_count(void) { return device_count(); }

int32_t rkv_device_info(int32_t index, rkv_device_desc* info, rkv_error* err) {
  return guarded(err, [&] {
    rkv_device_desc& out = checked_struct(info, "info");
    out = {};
    out.struct_size = sizeof out;
    describe_device(index, &out);
  });
}

int32_t rkv_device_bandwidth(int32_t index, int32_t threads, int64_t bytes, int32_t rounds, double* out_rate,
                             rkv_error* err) {
  return guarded(err, [&] {
    if (threads < 0) fail(RKV_E_ARG, "threads must be >= 0: found %d", threads);
    if (bytes < 1 << 20) fail(RKV_E_ARG, "bytes must be at least 1 MiB: found %lld", static_cast<long long>(bytes));
    if (rounds < 1) fail(RKV_E_ARG, "rounds must be >= 1: found %d", rounds);
    required(out_rate, "out_rate") = device_bandwidth(index, threads, bytes, rounds);
  });
}
