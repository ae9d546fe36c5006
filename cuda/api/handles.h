// Handles: 64-bit ids for models and sessions, so that a stale or foreign one is an error and never a crash.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/model.h"
#include "core/session.h"

namespace rkv {

/// A model while a call uses it. Sessions keep their model alive through the count in Model::n_sessions.
std::shared_ptr<Model> find_model(uint64_t handle);

uint64_t add_model(std::unique_ptr<Model> model);
/// @throws Failure RKV_E_BUSY while sessions of it exist or a call uses it.
void free_model(uint64_t handle);

uint64_t add_session(std::unique_ptr<Session> session);
/// @throws Failure RKV_E_BUSY while a call uses it.
void free_session(uint64_t handle);

/// Sessions that one call works on: each is taken by one call at a time, their model is locked for the call's duration.
class SessionsInUse {
 public:
  /// @throws Failure RKV_E_HANDLE for an unknown one, RKV_E_BUSY for one that another call uses or that is named twice,
  /// RKV_E_ARG when they belong to different models.
  explicit SessionsInUse(std::span<const uint64_t> handles);
  ~SessionsInUse();
  SessionsInUse(const SessionsInUse&) = delete;
  SessionsInUse& operator=(const SessionsInUse&) = delete;

  std::span<Session* const> all() const { return sessions_; }
  Session& only() const { return *sessions_[0]; }

 private:
  void let_go(size_t taken);

  std::vector<uint64_t> handles_;
  std::vector<Session*> sessions_;
  std::shared_ptr<Model> model_;  // outlives the lock on its mutex
  std::unique_lock<std::mutex> lock_;
};

}  // namespace rkv
