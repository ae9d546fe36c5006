#include "core/layer_cache.h"

namespace rkv {

KvBlock::KvBlock(Model& model, const CacheShape& s, int n)
    : shape(s),
      capacity(n),
      model_(model),
      k_(model.ops(), static_cast<size_t>(s.n_kv_heads) * n * s.row_bytes()),
      v_(model.ops(), static_cast<size_t>(s.n_kv_heads) * n * s.row_bytes()),
      position_(model.ops(), static_cast<size_t>(s.n_kv_heads) * n * sizeof(int32_t)) {
  model_.kv.add(kv_bytes());
}

KvBlock::~KvBlock() { model_.kv.add(-kv_bytes()); }

}  // namespace rkv
