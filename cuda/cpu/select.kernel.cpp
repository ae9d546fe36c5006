// Page scores, softmax over pages, and the m highest of n numbers.
#include "cpu/select_kernels.h"

#include "cpu/attend_vec.h"

namespace rkv::cpu::RKV_ISA {

namespace {

constexpr int kVecs = kLanes == 16 ? 4 : 2;  // vectors of pages per pass: heads * vectors sums stay in registers

/// Scores of kVecs vectors of pages from `at` on, n pages in all, for kHeads heads that share the loads of the rows.
template <class T, int kHeads>
void weigh_block(const void* const* row, int n_rows, const float* weight, int group, int at, int n, float* score,
                 int pitch) {
  F sum[kHeads][kVecs];
  for (auto& head : sum)
    for (F& s : head) s = zero();
  const bool whole = n - at >= kVecs * kLanes;
  for (int j = 0; j < n_rows; j++) {
    const T* bound = static_cast<const T*>(row[j]) + at;
    F value[kVecs];
    if (whole) {
      for (int v = 0; v < kVecs; v++) value[v] = load_row(bound + v * kLanes);
      _mm_prefetch(reinterpret_cast<const char*>(bound + kVecs * kLanes), _MM_HINT_T0);
    } else {
      for (int v = 0; v < kVecs; v++) value[v] = load_row_n(bound + v * kLanes, n - at - v * kLanes);
    }
    for (int g = 0; g < kHeads; g++) {
      const F w = set1(weight[j * group + g]);
      for (int v = 0; v < kVecs; v++) sum[g][v] = fma(w, value[v], sum[g][v]);
    }
  }
  for (int g = 0; g < kHeads; g++)
    for (int v = 0; v < kVecs; v++) store_n(score + g * pitch + at + v * kLanes, sum[g][v], n - at - v * kLanes);
}

template <class T>
void weigh(const void* const* row, int n_rows, const float* weight, int group, int n, float* score, int pitch) {
  for (int at = 0; at < n; at += kVecs * kLanes) {
    for (int g = 0; g < group; g += 4) {
      const float* w = weight + g;
      float* s = score + g * pitch;
      switch (group - g) {
        case 1:
          weigh_block<T, 1>(row, n_rows, w, group, at, n, s, pitch);
          break;
        case 2:
          weigh_block<T, 2>(row, n_rows, w, group, at, n, s, pitch);
          break;
        case 3:
          weigh_block<T, 3>(row, n_rows, w, group, at, n, s, pitch);
          break;
        default:
          weigh_block<T, 4>(row, n_rows, w, group, at, n, s, pitch);
      }
    }
  }
}

float highest(const float* x, int n) {
  F best = set1(x[0]);
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) best = max(best, load(x + i));
  float top = reduce_max(best);
  for (; i < n; i++) top = x[i] > top ? x[i] : top;
  return top;
}

float lowest(const float* x, int n) {
  F worst = set1(x[0]);
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) worst = min(worst, load(x + i));
  float low = -reduce_max(sub(zero(), worst));
  for (; i < n; i++) low = x[i] < low ? x[i] : low;
  return low;
}

float exp_sum(float* x, int n, float top, float scale) {
  F total = zero();
  for (int i = 0; i < n; i += kLanes) {
    store_n(x + i, exp(mul(sub(load_n(x + i, n - i), set1(top)), set1(scale))), n - i);
    total = add(total, load_n(x + i, n - i));
  }
  return reduce_add(total);
}

void add_scaled(const float* x, int n, float factor, float* y) {
  for (int i = 0; i < n; i += kLanes)
    store_n(y + i, fma(load_n(x + i, n - i), set1(factor), load_n(y + i, n - i)), n - i);
}

/// One bit per lane: is x >= y?
inline uint32_t at_least(F x, F y) {
#ifdef __AVX512F__
  return _mm512_cmp_ps_mask(x, y, _CMP_GE_OQ);
#else
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_GE_OQ)));
#endif
}

int count_at_least(const float* x, int n, float bar) {
  int count = 0, i = 0;
  for (; i + kLanes <= n; i += kLanes) count += __builtin_popcount(at_least(load(x + i), set1(bar)));
  for (; i < n; i++) count += x[i] >= bar;
  return count;
}

/// Integers in the order of the floats they stand for, and back.
inline int32_t to_key(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
inline float from_key(int32_t key) {
  const int32_t bits = key ^ ((key >> 31) & 0x7fffffff);
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

/// A number that at least m of x reach, and either exactly m do or fewer than m exceed it.
///
/// Bisection over the float's bits: at most 32 counts, each a compare and a popcount per vector, which beats a radix
/// histogram for the few hundred to some thousand pages there are.
float bar_for(const float* x, int n, int m) {
  int64_t low = to_key(lowest(x, n)), high = to_key(highest(x, n));
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    const float bar = from_key(static_cast<int32_t>(middle));
    const int count = count_at_least(x, n, bar);
    if (count == m) return bar;
    if (count > m)
      low = middle;
    else
      high = middle - 1;
  }
  return from_key(static_cast<int32_t>(low));
}

void top(const float* x, int n, int m, int32_t* index) {
  if (m == 0) return;
  const float bar = bar_for(x, n, m);
  int above = 0;
  for (int i = 0; i < n; i++) above += x[i] > bar;
  int ties = m - above;  // how many that equal the bar are taken, from the lowest index on
  int taken = 0;
  for (int i = 0; i < n; i += kLanes) {
    uint32_t reach = at_least(load_n(x + i, n - i), set1(bar));
    if (n - i < kLanes) reach &= (1u << (n - i)) - 1;
    for (; reach != 0; reach &= reach - 1) {
      const int at = i + __builtin_ctz(reach);
      if (taken < m && (x[at] > bar || ties-- > 0)) index[taken++] = at;
    }
  }
  // Only NaNs, from a broken model, leave a gap; then any choice will do that stays in range.
  if (taken < m)
    for (int i = 0; i < m; i++) index[i] = i;
}

template <class T>
constexpr SelectKernels kernels{weigh<T>, highest, exp_sum, add_scaled, top};

}  // namespace

extern const SelectKernels select_f32, select_bf16;
const SelectKernels select_f32 = kernels<float>, select_bf16 = kernels<uint16_t>;

}  // namespace rkv::cpu::RKV_ISA
