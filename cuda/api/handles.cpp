#include "api/handles.h"

#include <unordered_map>

#include "core/failure.h"

namespace rkv {
namespace {

struct SessionEntry {
  std::unique_ptr<Session> session;
  bool in_use = false;
};

// One table for the process. Ids are never used again, and those of models are even, those of sessions odd.
struct Table {
  std::mutex mutex;
  uint64_t next = 0x1000;
  std::unordered_map<uint64_t, std::shared_ptr<Model>> models;
  std::unordered_map<uint64_t, SessionEntry> sessions;
};

Table& table() {
  static Table* const instance = new Table;  // never destroyed: calls may run while the process exits
  return *instance;
}

[[noreturn]] void unknown(const char* kind, uint64_t handle) {
  fail(RKV_E_HANDLE, "no such %s: %llu", kind, static_cast<unsigned long long>(handle));
}

}  // namespace

std::shared_ptr<Model> find_model(uint64_t handle) {
  const std::lock_guard lock(table().mutex);
  const auto found = table().models.find(handle);
  if (found == table().models.end()) unknown("model", handle);
  return found->second;
}

uint64_t add_model(std::unique_ptr<Model> model) {
  const std::lock_guard lock(table().mutex);
  const uint64_t handle = 2 * ++table().next;
  table().models.emplace(handle, std::move(model));
  return handle;
}

void free_model(uint64_t handle) {
  std::shared_ptr<Model> doomed;  // destroyed after the lock is gone: unmapping may take a while
  const std::lock_guard lock(table().mutex);
  const auto found = table().models.find(handle);
  if (found == table().models.end()) unknown("model", handle);
  if (found->second->n_sessions > 0) {
    fail(RKV_E_BUSY, "cannot free the model: %d sessions of it still exist", found->second->n_sessions);
  }
  if (found->second.use_count() > 1) fail(RKV_E_BUSY, "cannot free the model: a call is using it");
  doomed = std::move(found->second);
  table().models.erase(found);
}

uint64_t add_session(std::unique_ptr<Session> session) {
  const std::lock_guard lock(table().mutex);
  const uint64_t handle = 2 * ++table().next + 1;
  session->model.n_sessions++;
  table().sessions.emplace(handle, SessionEntry{std::move(session)});
  return handle;
}

void free_session(uint64_t handle) {
  SessionsInUse use(std::span(&handle, 1));  // locks the model: its memory account changes
  Session& session = use.only();
  std::unique_ptr<Session> doomed;
  const std::lock_guard lock(table().mutex);
  doomed = std::move(table().sessions.at(handle).session);
  table().sessions.erase(handle);
  session.model.n_sessions--;
}

SessionsInUse::SessionsInUse(std::span<const uint64_t> handles) : handles_(handles.begin(), handles.end()) {
  std::unique_lock table_lock(table().mutex);
  size_t taken = 0;
  try {
    for (; taken < handles_.size(); taken++) {
      const auto found = table().sessions.find(handles_[taken]);
      if (found == table().sessions.end()) unknown("session", handles_[taken]);
      if (found->second.in_use) fail(RKV_E_BUSY, "session %zu of the call is in use", taken);
      found->second.in_use = true;
      sessions_.push_back(found->second.session.get());
    }
    for (const Session* s : sessions_) {
      if (&s->model != &sessions_[0]->model) fail(RKV_E_ARG, "all sessions of one call must belong to one model");
    }
  } catch (...) {
    let_go(taken);
    throw;
  }
  model_ = sessions_[0]->model.shared_from_this();
  table_lock.unlock();  // a long call must not hold up calls on other models
  lock_ = std::unique_lock(model_->mutex);
}

SessionsInUse::~SessionsInUse() {
  lock_.unlock();
  const std::lock_guard table_lock(table().mutex);
  let_go(handles_.size());
}

void SessionsInUse::let_go(size_t taken) {
  for (size_t i = 0; i < taken; i++) {
    const auto found = table().sessions.find(handles_[i]);
    if (found != table().sessions.end()) found->second.in_use = false;
  }
}

}  // namespace rkv
