#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "emu/block.h"

namespace rkv::emu {
namespace {

constexpr int kShown = 40;  // threads of the table

const char* file_name(const Site& site) {
  const char* slash = std::strrchr(site.file_name(), '/');
  return slash == nullptr ? site.file_name() : slash + 1;
}

}  // namespace

void Block::print(const Thread* self) const {
  std::fprintf(stderr, "  block (%u,%u,%u)", view_.index.x, view_.index.y, view_.index.z);
  if (self != nullptr) {
    std::fprintf(stderr, ", thread (%u,%u,%u)", self->thread.x, self->thread.y, self->thread.z);
  }
  std::fprintf(stderr, ": %d of %d threads have not ended\n", n_live_, n_threads_);
  int shown = 0;
  for (int i = 0; i < n_threads_ && shown < kShown; i++) {
    const Thread& t = threads_[i];
    if (t.state == State::kEnded) continue;
    shown++;
    const bool waits = t.state != State::kReady && (t.warp->ready >> t.index & 1) == 0;
    if (!waits) {
      std::fprintf(stderr, "  thread %d: %s\n", i, &t == self ? "runs" : t.stack_pointer ? "can go on" : "not begun");
    } else if (t.state == State::kBarrier) {
      std::fprintf(stderr, "  thread %d: at barrier %d, %s:%u\n", i, t.barrier, file_name(t.site), t.site.line());
    } else {
      std::fprintf(stderr, "  thread %d: at a collective of %08x, %s:%u\n", i, t.mask, file_name(t.site),
                   t.site.line());
    }
  }
}

void Block::deadlock() const {
  if (n_live_ < n_threads_) fault("deadlock: threads wait for others that have ended");
  fault("deadlock: every thread waits for another");
}

void fault(const char* format, ...) {
  std::fputs("emulator: ", stderr);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  if (lane != nullptr) self().block->print(&self());
  std::abort();
}

}  // namespace rkv::emu
