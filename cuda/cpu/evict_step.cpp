#include "cpu/evict_step.h"

#include <cstring>
#include <vector>

#include "cpu/attend_rows.h"

namespace rkv::cpu {

namespace {

/// The slot that goes, or -1.
int worst_slot(const StepHead& head) {
  int worst = -1;
  for (int s = 0; s < head.n; s++) {
    const int32_t position = head.position[s];
    if (position < head.sinks || position >= head.newest) continue;
    if (worst < 0 || head.score[s] < head.score[worst] ||
        (head.score[s] == head.score[worst] && position < head.position[worst]))
      worst = s;
  }
  return worst;
}

void move_last_row(const StepHead& head, int to, size_t row_bytes) {
  const int last = head.n - 1;
  const float score = head.score[last];
  if (head.moves_score) head.score[last] = 0;
  if (to == last) return;
  for (void* rows : {head.k, head.v}) {
    char* bytes = static_cast<char*>(rows);
    std::memcpy(bytes + to * row_bytes, bytes + last * row_bytes, row_bytes);
  }
  head.position[to] = head.position[last];
  if (head.moves_score) head.score[to] = score;
}

}  // namespace

void evict_step(ThreadPool& pool, std::span<const StepHead> heads, int d, DType kv) {
  std::vector<int> worst(heads.size());
  pool.run(static_cast<int>(heads.size()), [&](int task, int) { worst[task] = worst_slot(heads[task]); });
  // Only now may scores move: other heads may have been reading them.
  for (size_t h = 0; h < heads.size(); h++)
    if (worst[h] >= 0) move_last_row(heads[h], worst[h], d * element_bytes(kv));
}

}  // namespace rkv::cpu
