#include "cpu/keep_best.h"

#include <algorithm>
#include <vector>

#include "core/rank.h"

namespace rkv::cpu {

void keep_best(ThreadPool& pool, std::span<const KeepHead> heads) {
  pool.run(static_cast<int>(heads.size()), [&](int task, int) {
    const KeepHead& head = heads[task];
    std::vector<Entry> entries = pool_scores(head.score, head.n, head.sinks, head.pool, head.pool_width);
    best_to_front(entries, head.keep, head.tie_by_position);
    for (int i = 0; i < head.keep; i++) head.kept[i] = entries[i].index;
    std::sort(head.kept, head.kept + head.keep);
  });
}

}  // namespace rkv::cpu
