// Where the threads of a block meet.
#include <algorithm>

#include "emu/block.h"
#include "emu/collectives.h"

namespace rkv::emu {
namespace {

char fence_tag;

}  // namespace

void Block::meet(Thread& self, Exchange exchange, uint32_t mask, const Site& site) {
  Warp& warp = *self.warp;
  const uint32_t bit = 1u << self.index;
  if (mask == ~0u) mask = warp.all;  // a full mask in a short last warp
  self.site = site;
  self.mask = mask;
  if ((mask & bit) == 0) fault("a lane calls a collective whose mask %08x leaves it out", mask);
  if (mask & (warp.ended | ~warp.all)) fault("the mask %08x of a collective names a lane that has ended", mask);
  Meeting* meeting =
      std::find_if(warp.meetings, warp.meetings + warp.n_meetings, [mask](const Meeting& m) { return m.mask == mask; });
  if (meeting == warp.meetings + warp.n_meetings) {
    *meeting = {mask, 0, site};
    warp.n_meetings++;
  } else if (!same(meeting->site, site)) {
    self.state = State::kCollective;
    fault("lanes of the mask %08x are at different collectives", mask);
  }
  meeting->arrived |= bit;
  if (meeting->arrived == mask) {
    *meeting = warp.meetings[--warp.n_meetings];
    if (exchange != nullptr) exchange(warp, mask);
    make_ready(warp, mask & ~bit);
  } else {
    self.state = State::kCollective;
    wait(self);
  }
}

int Block::barrier(Thread& self, int id, int count, int vote, const Site& site) {
  self.site = site;
  self.barrier = id;
  self.state = State::kBarrier;
  if (id < 0 || id > 15) fault("a barrier's id must be between 0 and 15: found %d", id);
  if (count % 32 != 0 || count > n_threads_)
    fault("a barrier is for whole warps of the block: found %d threads", count);
  if (count == 0 && n_live_ < n_threads_) fault("a thread ended without the barrier at which others wait");
  Barrier& barrier = barriers_[id];
  if (barrier.arrived == 0) {
    barrier.site = site;
  } else if (id == 0 && !same(barrier.site, site)) {
    fault("threads of one block are at different barriers");
  }
  char& tag = barrier.tags[barrier.generation & 1];
  tsan_release(tag);
  barrier.vote += vote;
  if (++barrier.arrived == (count == 0 ? n_threads_ : count)) {
    barrier.result = barrier.vote;
    barrier.vote = barrier.arrived = 0;
    barrier.generation++;
    for (int w = 0; w < n_warps_; w++) {
      make_ready(warps_[w], warps_[w].at_barrier[id]);
      warps_[w].at_barrier[id] = 0;
    }
    self.state = State::kReady;
  } else {
    self.warp->at_barrier[id] |= 1u << self.index;
    wait(self);
  }
  tsan_acquire(tag);
  return barrier.result;
}

int barrier(int id, int count, int vote, Site site) {
  Thread& me = self();
  return me.block->barrier(me, id, count, vote, site);
}

// All fences are ordered with each other: no false alarms, and a missing one still shows.
void fence() {
  tsan_release(fence_tag);
  tsan_acquire(fence_tag);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // namespace rkv::emu
