#include "gpu/kernels.h"
#include "test_decode.h"

namespace rkv::test {
namespace {

std::vector<int32_t> every_third(int n) {
  std::vector<int32_t> slots;
  for (int slot = 1; slot < n; slot += 3) slots.push_back(slot);
  return slots;
}

void compare(const CacheShape& shape, int group, const rkv_plan& plan, int first = 0, int n_kv_heads = 2) {
  TestDecode decode(shape, n_kv_heads, group, plan, 11, first);
  char what[160];
  std::snprintf(what, sizeof what, "%d runs, d %d %s, group %d, page %d, top %d, first %d",
                static_cast<int>(shape.runs.size()), shape.d, dtype_name(shape.kv), group, plan.page_size, plan.top_k,
                first);
  decode.compare_select(what);
}

}  // namespace

GPU_TEST("select pages equals the CPU for every head dim and KV dtype") {
  for (const int d : {8, 16, 24, 64, 80, 96, 128, 256}) {
    compare({{200}, d, RKV_BF16}, 4, page_plan(40, d));
    compare({{200}, d, RKV_F32}, 4, page_plan(40, d));
  }
}

GPU_TEST("select pages equals the CPU for every group, rank and sign mode") {
  for (const int group : {1, 2, 3, 4, 5, 8, 9, 16}) {
    for (const int rank : {RKV_RANK_SOFTMAX_MEAN, RKV_RANK_LOGIT_SUM}) {
      for (const int sign : {RKV_SIGN_GROUP, RKV_SIGN_HEAD}) {
        rkv_plan plan = page_plan(50, 64);
        plan.rank = rank, plan.sign = sign;
        compare({{150}, 64, RKV_BF16}, group, plan, 0, 1);
      }
    }
  }
}

GPU_TEST("select pages equals the CPU for every page size and length") {
  for (const int page_size : {1, 2, 3, 4, 5, 16, 100, 1000}) {
    for (const int n : {31, 32, 33, 63, 64, 65, 127, 130, 300})
      compare({{n}, 64, RKV_BF16}, 3, page_plan(n > 130 ? 128 : 30, 64, page_size), 0, 1);
  }
}

GPU_TEST("select takes a page in part, or whole pages only") {
  for (const int page_size : {1, 2, 3, 4, 7, 16, 60}) {
    for (const int top_k : {1, 2, 15, 16, 17, 48, 99}) {
      rkv_plan plan = page_plan(top_k, 64, page_size);
      compare({{101}, 64, RKV_F32}, 2, plan, 0, 1);
      plan.whole_pages = 1;
      compare({{101}, 64, RKV_F32}, 2, plan, 0, 1);
      compare({{101}, 64, RKV_F32}, 2, plan, 5, 1);
    }
  }
}

GPU_TEST("select pins sinks and recent tokens within top_k") {
  for (const int sinks : {0, 1, 4, 20}) {
    for (const int recent : {0, 1, 7, 20}) {
      rkv_plan plan = page_plan(40, 64);
      plan.pin_sinks = sinks, plan.pin_recent = recent;
      compare({{50, 101}, 64, RKV_BF16}, 4, plan);
      compare({{50, 101}, 64, RKV_BF16, 3}, 4, plan);      // positions with gaps
      compare({{50, 101}, 64, RKV_BF16, 3}, 4, plan, 13);  // behind a window's edge
      compare({{80, 101}, 64, RKV_F32, 1, every_third(181)}, 2, plan);
      plan.page_size = 5;
      compare({{80, 101}, 64, RKV_F32, 1, every_third(181)}, 2, plan, 4);
      if (sinks + recent < 40) continue;
      plan.whole_pages = 1;
      compare({{50, 101}, 64, RKV_BF16}, 4, plan);
    }
  }
}

GPU_TEST("select sees only what a sliding window lets through") {
  for (const int first : {1, 2, 3, 7, 8, 9, 100}) {
    compare({{300}, 64, RKV_BF16}, 4, page_plan(60, 64), first);
    compare({{300}, 64, RKV_F32}, 4, page_plan(60, 64, 4), first);
    compare({{300}, 64, RKV_F32}, 4, exact_plan(60, RKV_RANK_SOFTMAX_MEAN), first);
  }
}

GPU_TEST("select goes through slices of many pages") {
  compare({{2000}, 16, RKV_BF16}, 4, page_plan(300, 16, 1), 0, 1);
  compare({{1000, 999}, 16, RKV_F32}, 3, page_plan(301, 16, 2), 77, 1);
}

GPU_TEST("select ranks more pages than fit into shared memory") {
  compare({{20000}, 8, RKV_BF16}, 1, page_plan(900, 8, 1), 0, 1);
}

GPU_TEST("select lets every query head choose dims and pages for itself") {
  for (const int group : {1, 2, 3, 8, 16}) {
    for (const int sign : {RKV_SIGN_GROUP, RKV_SIGN_HEAD}) {
      rkv_plan plan = page_plan(50, 24);
      plan.rank = RKV_RANK_PER_HEAD, plan.sign = sign;
      compare({{60, 90}, 24, RKV_BF16}, group, plan);
      plan.whole_pages = 1, plan.page_size = 7, plan.pin_sinks = 2, plan.pin_recent = 3;
      compare({{250}, 24, RKV_F32, 0, every_third(250)}, group, plan, 5);
    }
  }
  rkv_plan plan = page_plan(50, 64);
  plan.rank = RKV_RANK_PER_HEAD;
  compare({{50}, 64, RKV_BF16}, 4, plan);
}

GPU_TEST("select estimates the weight of what it chose") {
  for (const int rank : {RKV_RANK_SOFTMAX_MEAN, RKV_RANK_LOGIT_SUM, RKV_RANK_PER_HEAD}) {
    for (const int group : {1, 3, 8}) {
      for (const int page_size : {1, 4}) {
        rkv_plan plan = page_plan(40, 16, page_size);
        plan.rank = rank, plan.mean_value = 1, plan.pin_recent = 2, plan.query_dims = 5;
        compare({{100, 77}, 16, RKV_F32}, group, plan);
        compare({{177}, 16, RKV_BF16, 0, every_third(177)}, group, plan, 3);
        compare({{40}, 16, RKV_F32}, group, plan);
      }
    }
    rkv_plan exact = exact_plan(30, rank);
    exact.mean_value = 1;
    compare({{300}, 64, RKV_F32}, 4, exact);
  }
  rkv_plan large = page_plan(300, 16, 1);
  large.mean_value = 1;
  compare({{2000}, 16, RKV_BF16}, 2, large, 0, 1);
}

GPU_TEST("select scores keys of codes") {
  for (const int bits : {2, 4, 8}) {
    compare(coded({{64, 16, 50}, 64, RKV_F32}, 2, bits, 16), 3, exact_plan(40, RKV_RANK_SOFTMAX_MEAN));
    compare(coded({{96, 50}, 16, RKV_BF16, 0, every_third(146)}, 1, bits, 8), 2, exact_plan(20, RKV_RANK_PER_HEAD));
    compare(coded({{96, 50}, 16, RKV_BF16}, 1, bits, 8), 2, page_plan(40, 16));
  }
}

GPU_TEST("select exactly equals the CPU in every rank mode") {
  for (const int rank : {RKV_RANK_SOFTMAX_MEAN, RKV_RANK_LOGIT_SUM, RKV_RANK_PER_HEAD}) {
    for (const int group : {1, 3, 4, 9}) {
      compare({{100, 201}, 64, RKV_BF16}, group, exact_plan(50, rank), 0, 1);
      compare({{100, 201}, 128, RKV_F32, 0, every_third(301)}, group, exact_plan(50, rank), 0, 1);
    }
    compare({{300}, 256, RKV_F32}, 2, exact_plan(70, rank));
    rkv_plan pinned = exact_plan(50, rank);
    pinned.pin_sinks = 4, pinned.pin_recent = 8;
    compare({{100, 201}, 24, RKV_BF16, 2}, 4, pinned);
  }
}

GPU_TEST("select breaks ties by the lower position") {
  for (const int page_size : {1, 3, 4, 20}) {
    for (const int group : {1, 4}) {
      TestDecode decode({{150}, 64, RKV_BF16}, 1, group, page_plan(47, 64, page_size), 3);
      decode.set_query(std::vector<float>(static_cast<size_t>(group) * 64, 0.0f));  // every page scores 0
      decode.compare_select("a query of zeros");
      // Only dim 0 asks, far above what an exponential can tell apart: most weights are 0.
      std::vector<float> q(static_cast<size_t>(group) * 64, 0.0f);
      for (int g = 0; g < group; g++) q[static_cast<size_t>(g) * 64] = g == 0 ? 3000.0f : 2500.0f;
      decode.set_query(q);
      decode.compare_select("weights that vanish");
    }
  }
}

GPU_TEST("select of what fits takes everything and reads nothing") {
  for (const int n : {1, 49, 50}) {
    compare({{n}, 64, RKV_BF16}, 4, page_plan(50, 64));
    compare({{n}, 64, RKV_BF16}, 4, exact_plan(50, RKV_RANK_PER_HEAD));
  }
  compare({{60}, 64, RKV_BF16}, 4, page_plan(50, 64), 10);
  compare({{60, 90}, 64, RKV_BF16, 0, every_third(150)}, 4, page_plan(50, 64));
}

GPU_TEST("select and attend repeat as a graph while a cache grows") {
  const rkv_plan plan = page_plan(64, 64);
  const int64_t before = launcher().replays();
  for (const int n : {200, 201, 202, 203}) {
    TestDecode decode({{n}, 64, RKV_BF16}, 2, 4, plan, static_cast<uint64_t>(n));
    std::vector<DecodeHead> heads = decode.device();
    launcher().begin_step(true);
    gpu::select(launcher(), scratch(), heads, 4, 64, RKV_BF16);
    gpu::attend(launcher(), scratch(), heads, 4, 64, RKV_BF16);
    launcher().end_step();
    decode.check_results("step");
  }
  check_equal(launcher().replays() - before, int64_t{3}, "steps replayed");
}

}  // namespace rkv::test
