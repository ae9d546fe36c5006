#include "api/guard.h"
#include "api/handles.h"

using namespace rkv;

namespace {

const char* path_text(const uint8_t* path) { return reinterpret_cast<const char*>(&required(path, "path")); }

}  // namespace

int32_t rkv_session_create(uint64_t model, const rkv_session_options* options, uint64_t* out_session, rkv_error* err) {
  return guarded(err, [&] {
    const auto m = find_model(model);
    const std::lock_guard lock(m->mutex);
    required(out_session, "out_session");
    *out_session = add_session(std::make_unique<Session>(*m, checked_struct(options, "options")));
  });
}

int32_t rkv_session_fork(uint64_t session, uint64_t* out_session, rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    required(out_session, "out_session");
    *out_session = add_session(use.only().fork());
  });
}

int32_t rkv_session_free(uint64_t session, rkv_error* err) {
  return guarded(err, [&] { free_session(session); });
}

int32_t rkv_session_save(uint64_t session, const uint8_t* path, rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    use.only().save(path_text(path));
  });
}

int32_t rkv_session_load(uint64_t model, const uint8_t* path, uint64_t* out_session, rkv_error* err) {
  return guarded(err, [&] {
    const auto m = find_model(model);
    const std::lock_guard lock(m->mutex);
    if (!m->finished()) fail(RKV_E_STATE, "the model is not finished");
    required(out_session, "out_session");
    *out_session = add_session(Session::load(*m, path_text(path)));
  });
}

int32_t rkv_stats(uint64_t session, rkv_session_stats* stats, rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    use.only().fill_stats(&checked_struct(stats, "stats"));
  });
}

namespace {

void check_layer(const Session& session, int layer) {
  if (layer < 0 || layer >= session.model.config.n_layers) {
    fail(RKV_E_ARG, "layer must be between 0 and %d: found %d", session.model.config.n_layers - 1, layer);
  }
}

void check_layer_and_head(const Session& session, int layer, int head) {
  check_layer(session, layer);
  const int n_heads = session.model.config.n_heads;
  if (head < 0 || head >= n_heads) fail(RKV_E_ARG, "head must be between 0 and %d: found %d", n_heads - 1, head);
}

/// Hand out what `find(session)` finds of one head: its length always, the elements where they fit.
template <class T, class Find>
int32_t give(uint64_t session, int layer, int head, T* out, int32_t capacity, int32_t* out_n, rkv_error* err,
             Find&& find) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    check_layer_and_head(use.only(), layer, head);
    const std::vector<T> found = find(static_cast<const Session&>(use.only()));
    required(out_n, "out_n") = static_cast<int32_t>(found.size());
    if (out != nullptr && capacity >= *out_n) std::copy(found.begin(), found.end(), out);
  });
}

const Session& traced(const Session& session) {
  if (session.options.trace == 0) fail(RKV_E_STATE, "the session was created without the trace option");
  return session;
}

}  // namespace

int32_t rkv_trace_cached(uint64_t session, int32_t layer, int32_t head, int32_t* positions, int32_t capacity,
                         int32_t* out_n, rkv_error* err) {
  return give(session, layer, head, positions, capacity, out_n, err,
              [&](const Session& s) { return candidates_of(s, layer, head).positions; });
}

int32_t rkv_trace_selected(uint64_t session, int32_t layer, int32_t head, int32_t* positions, int32_t capacity,
                           int32_t* out_n, rkv_error* err) {
  return give(session, layer, head, positions, capacity, out_n, err, [&](const Session& s) {
    const auto& selected = traced(s).trace.selected;
    if (selected.empty()) fail(RKV_E_STATE, "the session has decoded no token");
    return selected[static_cast<size_t>(layer) * s.model.config.n_heads + head];
  });
}

int32_t rkv_trace_weights(uint64_t session, int32_t layer, int32_t head, float* weights, int32_t capacity,
                          int32_t* out_n, rkv_error* err) {
  return give(session, layer, head, weights, capacity, out_n, err,
              [&](const Session& s) { return step_weights(traced(s), layer, head); });
}

int32_t rkv_session_set_patterns(uint64_t session, int32_t layer, const rkv_pattern* patterns, int32_t n_patterns,
                                 rkv_error* err) {
  return guarded(err, [&] {
    const SessionsInUse use(std::span(&session, 1));
    check_layer(use.only(), layer);
    required(patterns, "patterns");
    if (n_patterns < 1) fail(RKV_E_ARG, "n_patterns must be >= 1: found %d", n_patterns);
    const std::span all(patterns, static_cast<size_t>(n_patterns));
    for (const rkv_pattern& pattern : all) checked_struct(&pattern, "pattern");
    use.only().set_patterns(layer, all);
  });
}
