#include "cpu/linear_scratch.h"

#include <new>

namespace rkv::cpu {
namespace {

constexpr std::align_val_t kAlign{64};

}  // namespace

uint8_t* LinearScratch::Buffer::reserve(int64_t wanted) {
  if (wanted > bytes) {
    ::operator delete(data, kAlign);
    data = nullptr;
    bytes = 0;
    data = static_cast<uint8_t*>(::operator new(static_cast<size_t>(wanted), kAlign));
    bytes = wanted;
  }
  return data;
}

LinearScratch::~LinearScratch() {
  for (Buffer* buffer : {&groups_, &bf16_, &panels_}) ::operator delete(buffer->data, kAlign);
}

ActivationGroup* LinearScratch::groups(int n, int cols) {
  const int64_t bytes = int64_t{n} * activation_groups(cols) * int64_t{sizeof(ActivationGroup)};
  return reinterpret_cast<ActivationGroup*>(groups_.reserve(bytes));
}

uint16_t* LinearScratch::bf16(int n, int cols) {
  return reinterpret_cast<uint16_t*>(bf16_.reserve(int64_t{n} * bf16_stride(cols) * 2));
}

uint8_t* LinearScratch::panels(int workers) { return panels_.reserve(workers * kPanelBytes); }

int64_t LinearScratch::bytes() const { return groups_.bytes + bf16_.bytes + panels_.bytes; }

}  // namespace rkv::cpu
