// Launches outside and inside decode steps: order, replays and failures.
#include "check.h"
#include "gpu/kernels.h"

#ifdef RKV_EMU
#include "emu/faults.h"
#endif

namespace rkv::test {
namespace {

constexpr int kCount = 100;

/// A step of two kernels on memory that stays where it is: x += y, z = x.
struct AddAndCopy {
  AddAndCopy() { launcher().abandon_step(); }  // no step of another test comes before
  DeviceArray<float> x{std::vector<float>(kCount, 1.0f)}, y{std::vector<float>(kCount, 1.0f)}, z{size_t{kCount}};

  void enqueue(int64_t count = kCount) const {
    gpu::add(launcher(), x.data(), y.data(), count);
    gpu::copy(launcher(), z.data(), x.data(), kCount * sizeof(float));
  }
  void step(bool repeatable = true, int64_t count = kCount) const {
    launcher().begin_step(repeatable);
    enqueue(count);
    launcher().end_step();
  }
  void check_sum(float wanted, const char* what) const {
    check_equal(z.download(), std::vector<float>(kCount, wanted), "%s", what);
  }
};

GPU_TEST("launcher: launches outside a step run in order") {
  const AddAndCopy ops;
  ops.enqueue();
  gpu::copy(launcher(), ops.y.data(), ops.z.data(), kCount * sizeof(float));
  ops.enqueue();
  gpu::add(launcher(), ops.z.data(), ops.x.data(), kCount);
  ops.check_sum(8, "(1 + 1) + 2 + 4");
}

GPU_TEST("launcher: what was staged for an op stays there, however much follows") {
  const std::vector<float> early = random_floats(kCount, 1), large = random_floats(3 << 20, 2);
  const DeviceArray<float> first(early.size()), last(large.size());
  for (const bool in_step : {false, true}) {
    launcher().begin_op();
    if (in_step) launcher().begin_step(true);
    const float* staged = launcher().stage(std::span(early));
    const float* staged_later = nullptr;
    for (int i = 0; i < 3; i++) staged_later = launcher().stage(std::span(large));
    gpu::copy(launcher(), first.data(), staged, early.size() * sizeof(float));
    gpu::copy(launcher(), last.data(), staged_later, large.size() * sizeof(float));
    if (in_step) launcher().end_step();
    check_equal(first.download(), early, "staged first, %s", in_step ? "in a step" : "outside");
    check_equal(last.download(), large, "staged last, %s", in_step ? "in a step" : "outside");
  }
}

GPU_TEST("launcher: parameters of very many launches pile up without harm") {
  const DeviceArray<float> sum(std::vector<float>(1, 0.0f)), one(std::vector<float>(1, 1.0f));
  constexpr int kLaunches = 10000;  // some megabytes of parameters
  for (int i = 0; i < kLaunches; i++) {
    launcher().begin_op();
    gpu::add(launcher(), sum.data(), one.data(), 1);
  }
  check_equal(sum.download(), std::vector<float>{kLaunches}, "sum");
}

GPU_TEST("launcher: identical steps are replayed from the second on") {
  const AddAndCopy ops;
  const int64_t before = launcher().replays();
  for (int i = 1; i <= 5; i++) {
    ops.step();
    check_equal(launcher().replays() - before, static_cast<int64_t>(i - 1), "replays after step %d", i);
    ops.check_sum(1.0f + i, "x after a step");
  }
}

GPU_TEST("launcher: a replayed step reads its parameters anew") {
  const AddAndCopy ops;
  const DeviceArray<float> other(std::vector<float>(kCount, 10.0f));
  const int64_t before = launcher().replays();
  for (int i = 0; i < 4; i++) {
    launcher().begin_step(true);
    // Another operand, and fewer elements, in the same grid.
    gpu::add(launcher(), ops.x.data(), (i == 3 ? other : ops.y).data(), i == 3 ? kCount - 1 : kCount);
    gpu::copy(launcher(), ops.z.data(), ops.x.data(), kCount * sizeof(float));
    launcher().end_step();
  }
  check_equal(launcher().replays() - before, int64_t{3}, "replays");
  std::vector<float> wanted(kCount, 14.0f);
  wanted.back() = 4;
  check_equal(ops.z.download(), wanted, "sum");
}

GPU_TEST("launcher: a step of another shape is not replayed, and becomes one that is") {
  const AddAndCopy ops;
  for (int i = 0; i < 3; i++) ops.step();
  const int64_t before = launcher().replays();
  const DeviceArray<float> large(std::vector<float>(5000, 1.0f));
  const auto large_step = [&] {
    launcher().begin_step(true);
    gpu::add(launcher(), large.data(), large.data(), 5000);
    launcher().end_step();
  };
  large_step();
  check_equal(launcher().replays(), before, "replays of a new shape");
  large_step();
  check_equal(launcher().replays(), before + 1, "replays of a shape that came twice");
  check_equal(large.download(), std::vector<float>(5000, 4.0f), "doubled twice");
  ops.step();
  check_equal(launcher().replays(), before + 1, "replays after a change back");
  ops.check_sum(5, "x after four steps");
}

GPU_TEST("launcher: a step that is not repeatable is never replayed") {
  const AddAndCopy ops;
  const int64_t before = launcher().replays();
  for (int i = 0; i < 5; i++) ops.step(false);
  check_equal(launcher().replays(), before, "replays");
  ops.check_sum(6, "x after five steps");
}

GPU_TEST("launcher: a step may hand data to the host and go on") {
  const AddAndCopy ops;
  for (int i = 0; i < 4; i++) {
    launcher().begin_step(false);
    ops.enqueue();
    ops.check_sum(2.0f + 2 * i, "x in the middle of a step");
    ops.enqueue();
    launcher().end_step();
    ops.check_sum(3.0f + 2 * i, "x after a step");
  }
}

GPU_TEST("launcher: launches between steps run before the next step") {
  const AddAndCopy ops;
  for (int i = 0; i < 4; i++) {
    ops.step();
    ops.enqueue();
  }
  ops.check_sum(9, "x after four steps and four launches between");
}

GPU_TEST("launcher: an abandoned step leaves nothing behind") {
  const AddAndCopy ops;
  for (int i = 0; i < 3; i++) ops.step();
  launcher().begin_step(true);
  ops.enqueue();
  launcher().abandon_step();
  ops.check_sum(4, "x after three steps");
  for (int i = 0; i < 4; i++) ops.step();
  ops.check_sum(8, "x after seven steps");
}

GPU_TEST("launcher: time is counted for the stages that a step had") {
  const AddAndCopy ops;
  for (int i = 0; i < 4; i++) {  // the last ones are replayed
    launcher().begin_step(true);
    ops.enqueue();
    launcher().begin_stage(Stage::kAttend);
    ops.enqueue();
    const StageTimes times = launcher().end_step();
    check_true(times.linear_ns > 0 && times.attend_ns > 0, "time of step %d's stages is above 0", i);
    check_equal(times.select_ns + times.sample_ns, int64_t{0}, "time of stages that step %d did not have", i);
  }
}

GPU_TEST("launcher: memory that the device does not have is RKV_E_MEMORY, and nothing is lost") {
  gpu::Scratch own(launcher().allocator());
  float* memory = own.get<float>(10);
  check_fails(
      RKV_E_MEMORY, [&] { own.get<float>(size_t{1} << 60); }, "an exabyte");
  check_true(own.get<float>(10) == memory, "memory is the same after a failure");
}

#ifdef RKV_EMU

GPU_TEST("launcher: a launch that fails outside a step is RKV_E_DEVICE, and the next one works") {
  const AddAndCopy ops;
  rkv_emu_fail_launch(1, cudaErrorLaunchOutOfResources);
  check_fails(
      RKV_E_DEVICE, [&] { gpu::add(launcher(), ops.x.data(), ops.y.data(), kCount); }, "add");
  ops.enqueue();
  ops.check_sum(2, "x after one launch that worked");
}

GPU_TEST("launcher: a launch that fails in a step is RKV_E_DEVICE, and the next step works") {
  // In the first step; in the second, while it is captured.
  for (const int failing_step : {0, 1}) {
    const AddAndCopy ops;
    for (int i = 0; i < failing_step; i++) ops.step();
    rkv_emu_fail_launch(1, cudaErrorLaunchOutOfResources);
    check_fails(
        RKV_E_DEVICE, [&] { ops.step(); }, "step");
    launcher().abandon_step();
    const int64_t before = launcher().replays();
    for (int i = 0; i < 3; i++) ops.step();
    check_equal(launcher().replays(), before + 2, "replays after a failure in step %d", failing_step);
    ops.check_sum(1.0f + failing_step + 3, "x after the steps that worked");
  }
}

GPU_TEST("launcher: a step for whose graph there is no memory runs without one") {
  int without_graph = 0;
  for (int n = 1;; n++) {  // the n-th call of a step that would be captured fails
    const AddAndCopy ops;
    ops.step();
    const int64_t before = launcher().replays();
    rkv_emu_fail_call(n, cudaErrorMemoryAllocation);
    bool ran = true;
    try {
      ops.step();
    } catch (const Failure&) {  // of a call that is not about the graph
      launcher().abandon_step();
      ran = false;
    }
    if (rkv_emu_fail_call(0, cudaSuccess) != 0) break;
    if (!ran) continue;
    ops.check_sum(3, "x after two steps");
    without_graph += launcher().replays() == before;
  }
  check_equal(without_graph, 2, "steps whose graph could not be instantiated, or launched");
}

GPU_TEST("launcher: staging that finds no memory is RKV_E_MEMORY, in a step and outside") {
  const std::vector<float> large(4 << 20, 1.0f);
  for (const bool in_step : {false, true}) {
    gpu::Launcher own(0);
    const DeviceArray<float> x(std::vector<float>(kCount, 1.0f));
    if (in_step) own.begin_step(true);
    gpu::add(own, x.data(), x.data(), kCount);
    rkv_emu_limit_memory(1);
    check_fails(
        RKV_E_MEMORY, [&] { own.stage(std::span(large)); }, "stage");
    rkv_emu_limit_memory(0);
    if (in_step) own.abandon_step();
    gpu::add(own, x.data(), x.data(), kCount);
    own.wait();
    check_equal(x.download(), std::vector<float>(kCount, in_step ? 2.0f : 4.0f), "x");
  }
}

GPU_TEST("launcher: a launcher whose device is lost fails from then on") {
  gpu::Launcher own(0);
  const DeviceArray<float> x(std::vector<float>(kCount, 1.0f));
  gpu::add(own, x.data(), x.data(), kCount);
  rkv_emu_fail_launch(1, cudaErrorIllegalAddress);
  check_fails(
      RKV_E_DEVICE,
      [&] {
        gpu::add(own, x.data(), x.data(), kCount);
        own.wait();
      },
      "add");
  check_fails(
      RKV_E_DEVICE, [&] { own.wait(); }, "wait");
  check_fails(
      RKV_E_DEVICE, [&] { own.begin_step(true); }, "begin_step");
  rkv_emu_reset();  // a lost device keeps its memory, and the leak checker would complain
}

#endif

}  // namespace
}  // namespace rkv::test
