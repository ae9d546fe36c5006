#include <cmath>
#include <cstring>

#include "gpu/kernels.h"
#include "test_cache.h"

namespace rkv::test {
namespace {

std::vector<double> frequencies(int pairs) {
  std::vector<double> inv_freq;
  for (int i = 0; i < pairs; i++) inv_freq.push_back(std::pow(10000.0, -static_cast<double>(i) / pairs));
  return inv_freq;
}

/// One session on one side: cached tokens, then room for new ones; all KV heads in one block, as the core has them.
struct Layout {
  int cached, n, capacity, heads, d;
  DType kv;
  bool indexed;
  int page_size;      // 0: no bounds
  int lists = 1;      // index lists of a head
  bool sums = false;  // with a sum of V

  size_t row() const { return static_cast<size_t>(row_bytes(kv, d)); }
  size_t head_bytes() const { return static_cast<size_t>(capacity) * row(); }
  int pitch() const { return page_size == 0 ? 0 : ((capacity - 1) / page_size / 16 + 1) * 16; }
  size_t bounds_bytes() const { return static_cast<size_t>(row_bytes(kv, int64_t{2} * d * pitch())); }
  size_t slots() const { return static_cast<size_t>(capacity * heads); }
  size_t entries() const { return slots() * static_cast<size_t>(lists); }
};

/// Host or device memory of a session, by address.
struct Memory {
  uint8_t *k, *v, *bounds;
  int32_t *position, *index;
  float* value_sum;
};

struct Views {
  std::vector<Run> runs;
  std::vector<Append> appends;
  std::vector<PageWork> pages;
};

/// `cut`: slots of a first run; the others are in a second one of the same block.
Views make_views(const Layout& s, const Memory& m, const float* k, const float* v, int cut, int from) {
  Views views;
  for (int h = 0; h < s.heads; h++) {
    const auto at = [&](uint8_t* rows, int slot) {
      return rows + static_cast<size_t>(h) * s.head_bytes() + static_cast<size_t>(slot) * s.row();
    };
    int32_t* position = m.position + h * s.capacity;
    views.runs.push_back({at(m.k, 0), at(m.v, 0), position, cut});
    views.runs.push_back({at(m.k, cut), at(m.v, cut), position + cut, s.cached + s.n - cut});
  }
  for (int h = 0; h < s.heads; h++) {
    const size_t row = static_cast<size_t>(h) * s.head_bytes() + static_cast<size_t>(s.cached) * s.row();
    Append a = {};
    a.k = k + h * s.d, a.v = v + h * s.d, a.n = s.n, a.kv = s.kv;
    a.k_out = m.k + row, a.v_out = m.v + row;
    a.position_out = m.position + h * s.capacity + s.cached, a.first_position = 1000 + s.cached;
    if (s.indexed) {
      a.index_out = m.index + h * s.lists * s.capacity + s.cached, a.first_slot = s.cached;
      a.n_lists = s.lists, a.index_stride = s.capacity;
    }
    if (s.sums) a.value_sum = m.value_sum + h * s.d;
    views.appends.push_back(a);
  }
  for (int h = 0; s.page_size > 0 && h < s.heads; h++) {
    HeadCache cache{&views.runs[static_cast<size_t>(h) * 2], 2, s.cached + s.n, nullptr, 0};
    if (s.indexed) cache.index = m.index + h * s.lists * s.capacity, cache.n_index = s.cached + s.n;
    views.pages.push_back(
        {cache, {m.bounds + static_cast<size_t>(h) * s.bounds_bytes(), s.pitch(), s.page_size}, s.kv, from});
  }
  return views;
}

/// Both sides of one session, with the same contents before the call.
struct Session {
  Session(const Layout& s, uint64_t seed)
      : layout(s),
        k(to_dtype(random_floats(s.slots() * static_cast<size_t>(s.d), seed), s.kv)),
        v(k.size(), 0),
        bounds(s.bounds_bytes() * static_cast<size_t>(s.heads), 0x40),
        position(s.slots(), -1),
        index(s.entries(), -1),
        value_sum(random_floats(static_cast<size_t>(s.heads * s.d), seed + 1)),
        device_k(k),
        device_v(v),
        device_bounds(bounds),
        device_position(position),
        device_value_sum(value_sum) {
    for (int list = 0; list < s.heads * s.lists; list++)
      for (int i = 0; i < s.cached; i++) index[static_cast<size_t>(list * s.capacity + i)] = i;
    device_index = std::make_unique<DeviceArray<int32_t>>(index);
  }
  Memory host() { return {k.data(), v.data(), bounds.data(), position.data(), index.data(), value_sum.data()}; }
  Memory device() {
    return {device_k.data(),        device_v.data(),      device_bounds.data(),
            device_position.data(), device_index->data(), device_value_sum.data()};
  }
  void check(const char* what) {
    // The last bit of a rotated key may differ, as it does between the CPU's instruction sets.
    const float tolerance = layout.kv == RKV_F32 ? 1e-6f : 0.008f;
    check_close(from_dtype(device_k.download(), layout.kv), from_dtype(k, layout.kv), tolerance, "%s: k", what);
    check_close(from_dtype(device_bounds.download(), layout.kv), from_dtype(bounds, layout.kv), tolerance, "%s: bounds",
                what);
    check_equal(device_v.download(), v, "%s: v", what);
    check_equal(device_position.download(), position, "%s: positions", what);
    check_equal(device_index->download(), index, "%s: slots", what);
    check_equal(device_value_sum.download(), value_sum, "%s: sums of V", what);
  }

  const Layout layout;
  std::vector<uint8_t> k, v, bounds;
  std::vector<int32_t> position, index;
  std::vector<float> value_sum;
  DeviceArray<uint8_t> device_k, device_v, device_bounds;
  DeviceArray<int32_t> device_position;
  DeviceArray<float> device_value_sum;
  std::unique_ptr<DeviceArray<int32_t>> device_index;
};

struct Case {
  RotateShape shape;
  std::vector<Layout> sessions;
  int from = -1;  // first new candidate of the page work; -1: what the append brings
};

void compare(const Case& c, const char* what) {
  const RotateShape& shape = c.shape;
  int n = 0;
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<int32_t> positions;
  for (const Layout& layout : c.sessions) {
    sessions.push_back(std::make_unique<Session>(layout, 5 + static_cast<uint64_t>(n)));
    for (int i = 0; i < layout.n; i++) positions.push_back(100000 + 7 * n + i);
    n += layout.n;
  }
  const size_t q_count = static_cast<size_t>(n * shape.n_heads * shape.d);
  const size_t k_count = static_cast<size_t>(n * shape.n_kv_heads * shape.d);
  std::vector<float> q = random_floats(q_count, 1), k = random_floats(k_count, 2);
  const std::vector<float> v = random_floats(k_count, 3);
  std::vector<float> table(static_cast<size_t>(n * shape.pairs * 2));
  const DeviceArray<float> device_q(q), device_k(k), device_v(v), device_table(table.size());

  const std::vector<double> inv_freq = frequencies(shape.pairs);
  cpu().rope_table(positions.data(), n, inv_freq.data(), shape.pairs, 1.25f, table.data());
  gpu::rope_table(launcher(), positions.data(), n, inv_freq.data(), shape.pairs, 1.25f, device_table.data());
  check_close(device_table.download(), table, 1e-6f, "%s: table", what);
  DeviceArray<float> same_table(table);

  const auto run = [&](bool device, auto&& op) {
    std::vector<Views> views;
    std::vector<Append> appends;
    std::vector<PageWork> pages;
    size_t at = 0;
    views.reserve(sessions.size());
    for (const auto& s : sessions) {
      const Layout& l = s->layout;
      views.push_back(make_views(l, device ? s->device() : s->host(), (device ? device_k.data() : k.data()) + at,
                                 (device ? device_v.data() : v.data()) + at, l.cached / 2,
                                 c.from < 0 ? l.cached : c.from));
      at += static_cast<size_t>(l.n * shape.n_kv_heads * shape.d);
      appends.insert(appends.end(), views.back().appends.begin(), views.back().appends.end());
      pages.insert(pages.end(), views.back().pages.begin(), views.back().pages.end());
    }
    op(appends, pages);
  };
  run(false, [&](auto& appends, auto& pages) {
    cpu().rotate_and_append(shape, q.data(), k.data(), n, table.data(), appends, pages);
  });
  run(true, [&](auto& appends, auto& pages) {
    gpu::rotate_and_append(launcher(), shape, device_q.data(), device_k.data(), n, same_table.data(), appends, pages);
  });
  check_close(device_q.download(), q, 1e-6f, "%s: q", what);
  check_close(device_k.download(), k, 1e-6f, "%s: k rotated", what);
  for (const auto& s : sessions) s->check(what);
}

}  // namespace

GPU_TEST("rotate_and_append equals the CPU for every head dim, pairing and part of a head that is rotated") {
  for (const int d : {8, 16, 24, 64, 80, 96, 128, 256}) {
    for (const bool interleaved : {false, true}) {
      compare({{6, 2, d, d / 2, interleaved}, {{4, 3, 10, 2, d, RKV_BF16, false, 0}}}, "all dims");
      compare({{2, 1, d, d / 4, interleaved}, {{4, 3, 10, 1, d, RKV_F32, false, 0}}}, "half of the dims");
    }
  }
}

GPU_TEST("rotate_and_append rebuilds the page of a new token of any page size") {
  for (const int page_size : {1, 2, 3, 4, 7, 64, 300}) {
    for (const int cached : {2, 3, 31, 32, 64, 65, 130}) {
      compare({{4, 2, 64, 32, false}, {{cached, 1, 140, 2, 64, RKV_BF16, false, page_size}}}, "bf16");
      compare({{4, 2, 24, 12, true}, {{cached, 1, 140, 2, 24, RKV_F32, true, page_size}}}, "f32, indexed");
    }
  }
}

GPU_TEST("rotate_and_append takes sessions with and without pages, of both KV dtypes, in one call") {
  compare({{8, 2, 128, 64, false},
           {{30, 1, 40, 2, 128, RKV_BF16, false, 3},
            {12, 1, 40, 2, 128, RKV_F32, false, 0},
            {2, 1, 40, 2, 128, RKV_BF16, true, 4},
            {9, 1, 10, 2, 128, RKV_F32, true, 2}}},
          "four sessions");
}

GPU_TEST("rotate_and_append fills all pages of a cache whose bounds are new, and those of several new tokens") {
  const Layout decode{50, 1, 60, 2, 64, RKV_BF16, false, 3}, prefill{50, 9, 60, 2, 64, RKV_BF16, false, 3};
  compare({{4, 2, 64, 32, false}, {decode}, 0}, "all pages");
  compare({{4, 2, 64, 32, false}, {prefill}}, "nine tokens");
}

GPU_TEST("rotate_and_append adds the new slot to every list of a head, and the new V to its sum") {
  for (const int d : {16, 64, 256}) {
    compare({{8, 2, d, d / 2, false},
             {{9, 1, 20, 2, d, RKV_BF16, true, 0, 4, true}, {5, 1, 20, 2, d, RKV_F32, true, 3, 1, true}}},
            "lists and sums");
  }
  compare({{4, 2, 16, 8, false}, {{3, 40, 60, 2, 16, RKV_BF16, true, 0, 3}}}, "lists of a chunk");
}

GPU_TEST("rotate_and_append without KV heads rotates queries only") {
  for (const bool interleaved : {false, true}) {
    const RotateShape shape{3, 0, 24, 8, interleaved};
    std::vector<float> q = random_floats(5 * 3 * 24, 1);
    const std::vector<float> table = random_floats(5 * 8 * 2, 2);
    const DeviceArray<float> device_q(q), device_table(table);
    cpu().rotate_and_append(shape, q.data(), nullptr, 5, table.data(), {}, {});
    gpu::rotate_and_append(launcher(), shape, device_q.data(), nullptr, 5, device_table.data(), {}, {});
    check_close(device_q.download(), q, 1e-6f, "queries");
  }
}

GPU_TEST("rotate_and_append of a prompt's chunk") {
  compare({{6, 3, 64, 32, false}, {{0, 130, 130, 3, 64, RKV_BF16, false, 0}}}, "130 tokens");
  compare({{6, 3, 64, 32, false}, {{20, 33, 60, 3, 64, RKV_BF16, true, 0}}}, "33 tokens behind others");
}

}  // namespace rkv::test
