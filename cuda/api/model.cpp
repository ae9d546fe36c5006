#include "api/guard.h"
#include "api/handles.h"
#include "core/backend.h"

using namespace rkv;

int32_t rkv_model_create(const rkv_model_config* config, const double* inv_freq, int32_t n_freq, int32_t device,
                         uint64_t* out_model, rkv_error* err) {
  return guarded(err, [&] {
    const rkv_model_config& numbers = checked_struct(config, "config");
    if (n_freq < 0 || n_freq > 4096) fail(RKV_E_ARG, "n_freq must be between 0 and 4096: found %d", n_freq);
    if (n_freq > 0) required(inv_freq, "inv_freq");
    required(out_model, "out_model");
    std::vector<double> freq(inv_freq, inv_freq + n_freq);
    *out_model = add_model(std::make_unique<Model>(numbers, std::move(freq), make_ops(device, numbers)));
  });
}

int32_t rkv_model_load_tensor(uint64_t model, int32_t role, int32_t layer, int32_t dtype, int32_t rows, int32_t cols,
                              const uint8_t* path, uint64_t offset, uint64_t n_bytes, rkv_error* err) {
  return guarded(err, [&] {
    const auto m = find_model(model);
    const std::lock_guard lock(m->mutex);
    const char* file = reinterpret_cast<const char*>(&required(path, "path"));
    m->load_tensor(static_cast<rkv_role>(role), layer, static_cast<DType>(dtype), rows, cols, file, offset, n_bytes);
  });
}

int32_t rkv_model_finish(uint64_t model, rkv_error* err) {
  return guarded(err, [&] {
    const auto m = find_model(model);
    const std::lock_guard lock(m->mutex);
    m->finish();
  });
}

int32_t rkv_model_free(uint64_t model, rkv_error* err) {
  return guarded(err, [&] { free_model(model); });
}

int32_t rkv_usage(uint64_t model, rkv_model_usage* usage, rkv_error* err) {
  return guarded(err, [&] {
    const auto m = find_model(model);
    const std::lock_guard lock(m->mutex);
    rkv_model_usage& out = checked_struct(usage, "usage");
    out.threads = m->ops().threads();
    out.weight_bytes = m->weight_bytes();
    out.decode_bytes = m->decode_bytes();
    out.kv_bytes_live = m->kv.live;
    out.kv_bytes_peak = m->kv.peak;
    out.work_bytes_peak = m->work.peak;
  });
}

int32_t rkv_model_reset_peak(uint64_t model, rkv_error* err) {
  return guarded(err, [&] {
    const auto m = find_model(model);
    const std::lock_guard lock(m->mutex);
    m->kv.peak = m->kv.live;
    m->work.peak = m->work.live;
  });
}
