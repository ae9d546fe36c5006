// What fibers must tell the sanitizers. The emulator itself is compiled without them, so that they watch kernels only:
// RKV_EMU_TSAN or RKV_EMU_ASAN says what the kernels were compiled with.
#pragma once

#include <cstddef>

#ifdef RKV_EMU_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned);
void __tsan_destroy_fiber(void*);
void __tsan_switch_to_fiber(void*, unsigned);
void __tsan_acquire(void*);
void __tsan_release(void*);
}
#endif
#ifdef RKV_EMU_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** save, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom_old, size_t* size_old);
void __asan_poison_memory_region(const volatile void*, size_t);
void __asan_unpoison_memory_region(const volatile void*, size_t);
}
#endif

namespace rkv::emu {

// ThreadSanitizer: every CUDA thread is a fiber of its own, and only what orders memory in CUDA orders it here.
#ifdef RKV_EMU_TSAN
constexpr bool kTsan = true;
inline void* tsan_create() { return __tsan_create_fiber(0); }
inline void tsan_destroy(void* fiber) { __tsan_destroy_fiber(fiber); }
inline void* tsan_current() { return __tsan_get_current_fiber(); }
inline void tsan_switch(void* fiber) { __tsan_switch_to_fiber(fiber, 1); }  // 1: the switch itself orders nothing
inline void tsan_acquire(char& tag) { __tsan_acquire(&tag); }
inline void tsan_release(char& tag) { __tsan_release(&tag); }
#else
constexpr bool kTsan = false;
inline void* tsan_create() { return nullptr; }
inline void tsan_destroy(void*) {}
inline void* tsan_current() { return nullptr; }
inline void tsan_switch(void*) {}
inline void tsan_acquire(char&) {}
inline void tsan_release(char&) {}
#endif

// AddressSanitizer: which stack runs, and which bytes of shared memory are nobody's.
#ifdef RKV_EMU_ASAN
constexpr bool kAsan = true;
inline void asan_begin_switch(void** save, const void* bottom, size_t size) {
  __sanitizer_start_switch_fiber(save, bottom, size);
}
inline void asan_end_switch(void* fake_stack, const void** bottom, size_t* size) {
  __sanitizer_finish_switch_fiber(fake_stack, bottom, size);
}
inline void asan_forbid(const void* p, size_t bytes) { __asan_poison_memory_region(p, bytes); }
inline void asan_allow(const void* p, size_t bytes) { __asan_unpoison_memory_region(p, bytes); }
#else
constexpr bool kAsan = false;
inline void asan_begin_switch(void**, const void*, size_t) {}
inline void asan_end_switch(void*, const void**, size_t*) {}
inline void asan_forbid(const void*, size_t) {}
inline void asan_allow(const void*, size_t) {}
#endif

}  // namespace rkv::emu
