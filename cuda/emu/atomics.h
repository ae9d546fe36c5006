// CUDA's atomics. All are relaxed, as on the device: they order nothing but themselves.
#pragma once

#include <type_traits>

namespace rkv::emu {

template <class T, class Update>
T read_modify_write(T* p, Update&& update) {
  T old, next;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  do {
    next = update(old);
  } while (!__atomic_compare_exchange(p, &old, &next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

}  // namespace rkv::emu

template <class T>
T atomicAdd(T* p, std::type_identity_t<T> v) {
  if constexpr (std::is_integral_v<T>) return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
  return rkv::emu::read_modify_write(p, [=](T old) { return old + v; });
}
template <class T>
T atomicSub(T* p, std::type_identity_t<T> v) {
  static_assert(std::is_integral_v<T>);
  return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED);
}
template <class T>
T atomicMax(T* p, std::type_identity_t<T> v) {
  static_assert(std::is_integral_v<T>);
  return rkv::emu::read_modify_write(p, [=](T old) { return old > v ? old : v; });
}
template <class T>
T atomicMin(T* p, std::type_identity_t<T> v) {
  static_assert(std::is_integral_v<T>);
  return rkv::emu::read_modify_write(p, [=](T old) { return old < v ? old : v; });
}
/// old >= limit ? 0 : old + 1: a ticket that resets itself.
inline unsigned atomicInc(unsigned* p, unsigned limit) {
  return rkv::emu::read_modify_write(p, [=](unsigned old) { return old >= limit ? 0 : old + 1; });
}
template <class T>
T atomicAnd(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_and(p, v, __ATOMIC_RELAXED);
}
template <class T>
T atomicOr(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_or(p, v, __ATOMIC_RELAXED);
}
template <class T>
T atomicXor(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_xor(p, v, __ATOMIC_RELAXED);
}
template <class T>
T atomicExch(T* p, std::type_identity_t<T> v) {
  return rkv::emu::read_modify_write(p, [=](T) { return v; });
}
template <class T>
T atomicCAS(T* p, std::type_identity_t<T> compare, std::type_identity_t<T> v) {
  static_assert(std::is_integral_v<T>);
  __atomic_compare_exchange(p, &compare, &v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return compare;
}
