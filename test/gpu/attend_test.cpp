#include <numeric>

#include "gpu/kernels.h"
#include "test_decode.h"

namespace rkv::test {
namespace {

constexpr float kF32 = 1e-5f, kBf16 = 1e-4f;

rkv_plan all_plan() {
  rkv_plan plan = {};
  plan.struct_size = sizeof plan;
  return plan;
}

void compare_dense(const CacheShape& shape, int group, int first = 0, int n_kv_heads = 2) {
  TestDecode decode(shape, n_kv_heads, group, all_plan(), 7, first);
  char what[80];
  std::snprintf(what, sizeof what, "d %d group %d first %d %s", shape.d, group, first, dtype_name(shape.kv));
  decode.compare_attend(false, shape.kv == RKV_F32 ? kF32 : kBf16, what);
}

std::vector<int32_t> every_third(int n) {
  std::vector<int32_t> slots;
  for (int slot = 1; slot < n; slot += 3) slots.push_back(slot);
  return slots;
}

}  // namespace

GPU_TEST("attend equals the CPU for every head dim and KV dtype") {
  for (const int d : {8, 16, 24, 64, 80, 96, 128, 256}) {
    compare_dense({{130}, d, RKV_BF16}, 4);
    compare_dense({{130}, d, RKV_F32}, 4);
  }
}

GPU_TEST("attend equals the CPU for every group") {
  for (const int group : {1, 2, 3, 4, 5, 7, 8, 9, 16}) {
    compare_dense({{77}, 64, RKV_BF16}, group);
    compare_dense({{77}, 128, RKV_F32}, group);
  }
}

GPU_TEST("attend equals the CPU around the edges of tiles and splits") {
  for (const int n : {1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257, 300}) {
    compare_dense({{n}, 64, RKV_F32}, 3);
    compare_dense({{n}, 128, RKV_BF16}, 4);
  }
}

GPU_TEST("attend merges many splits") { compare_dense({{2000, 37}, 64, RKV_BF16}, 3, 0, 1); }

GPU_TEST("attend goes through several runs, empty ones too") {
  compare_dense({{1, 31, 0, 33, 64, 1, 5}, 64, RKV_BF16}, 4);
  compare_dense({{0, 100, 40}, 32, RKV_F32}, 2);
}

GPU_TEST("attend sees only what a sliding window and an index list let through") {
  compare_dense({{200}, 64, RKV_BF16}, 4, 150);
  compare_dense({{90, 60}, 64, RKV_F32, 0, every_third(150)}, 4);
  compare_dense({{90, 60}, 64, RKV_BF16, 0, every_third(150)}, 3, 20);
}

GPU_TEST("attend reads selected rows where they lie") {
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    const float tolerance = kv == RKV_F32 ? kF32 : kBf16;
    TestDecode pages({{100, 33, 67}, 64, kv}, 2, 4, page_plan(50, 64), 3);
    pages.compare_attend(true, tolerance, "pages");
    TestDecode indexed({{100, 67}, 128, kv, 1, every_third(167)}, 2, 4, page_plan(20, 128), 4);
    indexed.compare_attend(true, tolerance, "pages of an index list");
    TestDecode everything({{30}, 64, kv}, 2, 4, page_plan(50, 64), 5);
    everything.compare_attend(true, tolerance, "everything fits");
  }
}

GPU_TEST("attend counts whole pages as they were taken") {
  rkv_plan plan = page_plan(50, 64, 16);
  plan.whole_pages = 1;
  for (const int n : {160, 165, 175}) {
    TestDecode decode({{n}, 64, RKV_BF16}, 2, 3, plan, static_cast<uint64_t>(n));
    decode.compare_attend(true, kBf16, "whole pages");
  }
}

GPU_TEST("attend gives every query head its own list and counts their union") {
  for (const int group : {2, 4, 8}) {
    TestDecode decode({{150, 20}, 64, RKV_F32}, 2, group, exact_plan(40, RKV_RANK_PER_HEAD), 9);
    decode.compare_attend(true, kF32, "per head");
  }
}

GPU_TEST("attend meets sinks with a query of their own") {
  const auto compare_sinks = [](const CacheShape& shape, int group, const rkv_plan& plan, int n_sinks, int first = 0) {
    TestDecode decode(shape, 2, group, plan, 6, first, n_sinks);
    char what[80];
    std::snprintf(what, sizeof what, "%d sinks, group %d, first %d", n_sinks, group, first);
    decode.compare_attend(plan.select != RKV_SELECT_ALL, shape.kv == RKV_F32 ? kF32 : kBf16, what);
  };
  for (const int sinks : {1, 4, 63, 64, 200, 500}) {
    compare_sinks({{200}, 64, RKV_BF16}, 4, all_plan(), sinks);
    compare_sinks({{30, 170}, 16, RKV_F32}, 1, all_plan(), sinks, 50);
    compare_sinks({{200}, 16, RKV_F32, 0, every_third(200)}, 3, all_plan(), sinks);
    compare_sinks({{200}, 16, RKV_F32}, 2, page_plan(40, 16), sinks);
    compare_sinks({{200}, 16, RKV_F32, 0, every_third(200)}, 2, exact_plan(40, RKV_RANK_PER_HEAD), sinks);
  }
}

GPU_TEST("attend counts what was not selected as the mean value") {
  for (const int rank : {RKV_RANK_SOFTMAX_MEAN, RKV_RANK_PER_HEAD}) {
    for (const int n : {30, 130, 300}) {
      rkv_plan plan = page_plan(40, 64, 1);
      plan.rank = rank, plan.mean_value = 1;
      TestDecode decode({{n}, 64, RKV_F32}, 2, 3, plan, 8);
      decode.compare_attend(true, kF32, "mean value");
      TestDecode large({{n}, 128, RKV_BF16}, 1, 8, plan, 9);
      large.compare_attend(true, kBf16, "mean value, group 8");
    }
  }
}

GPU_TEST("attend takes rows of codes, alone and between others") {
  for (const int bits : {2, 4, 8}) {
    for (const int d : {16, 64, 80, 128, 256}) {
      for (const DType kv : {RKV_F32, RKV_BF16})
        compare_dense(coded({{64, 32, 0, 30}, d, kv}, 2, bits, d == 80 ? 8 : 16), 3);
    }
  }
  TestDecode pages(coded({{160, 33}, 64, RKV_BF16}, 1, 4, 32), 2, 4, page_plan(50, 64), 3);
  pages.compare_attend(true, kBf16, "pages of codes");
  TestDecode indexed(coded({{96, 20}, 16, RKV_F32, 0, every_third(116)}, 1, 2, 8), 2, 2,
                     exact_plan(20, RKV_RANK_PER_HEAD), 4);
  indexed.compare_attend(true, kF32, "an index list of codes");
  indexed.compare_attend(false, kF32, "an index list of codes, dense");
}

GPU_TEST("attend takes sessions of different lengths and plans at once, each as if alone") {
  TestDecode dense({{300}, 64, RKV_BF16}, 2, 4, all_plan(), 1);
  TestDecode sparse({{70}, 64, RKV_BF16}, 2, 4, exact_plan(20, RKV_RANK_PER_HEAD), 2);
  sparse.compare_attend(true, kBf16, "sparse alone");  // makes its lists
  std::vector<DecodeHead> alone = dense.device(), heads = dense.device();
  for (DecodeHead& head : sparse.device()) heads.push_back(head);
  const DeviceArray<float> out_alone(2 * 4 * 64), out(4 * 4 * 64);
  for (size_t h = 0; h < alone.size(); h++) alone[h].out = out_alone.data() + h * 4 * 64;
  for (size_t h = 0; h < heads.size(); h++) heads[h].out = out.data() + h * 4 * 64;
  gpu::attend(launcher(), scratch(), alone, 4, 64, RKV_BF16);
  gpu::attend(launcher(), scratch(), heads, 4, 64, RKV_BF16);
  std::vector<float> found = out.download();
  found.resize(2 * 4 * 64);
  check_close(found, out_alone.download(), 0, "dense heads");
}

}  // namespace rkv::test
