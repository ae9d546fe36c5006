// A session on disk: header, plans, history, patterns, then layer by layer the cache and what was observed, then a
// checksum.
#include <algorithm>

#include "core/failure.h"
#include "core/file_device.h"
#include "core/plan.h"
#include "core/session.h"

namespace rkv {
namespace {

constexpr char kMagic[8] = {'R', 'K', 'V', 'S', 'E', 'S', 'S', '\n'};
constexpr uint32_t kVersion = 2;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t state;
  uint64_t fingerprint;
  rkv_session_options options;
  int32_t n_plans;
  int32_t n_tokens;
  int32_t n_queries;
  int32_t n_moments;
};

/// A buffer that may be missing.
void write_shared(AtomicWriter& file, Ops& ops, const SharedBuffer& buffer) {
  file.value(static_cast<uint64_t>(buffer != nullptr ? buffer->bytes() : 0));
  if (buffer != nullptr) write_device(file, ops, buffer->as(), buffer->bytes());
}

SharedBuffer read_shared(CheckedReader& file, Ops& ops, size_t bytes) {
  const auto found = file.value<uint64_t>();
  if (found == 0) return nullptr;
  if (found != bytes || bytes > file.remaining()) file.damaged("a count is out of range");
  auto buffer = std::make_shared<const Buffer>(ops, bytes);
  read_device(file, ops, buffer->as(), bytes);
  return buffer;
}

}  // namespace

void Session::save(const std::string& path) {
  AtomicWriter file(path);
  Ops& ops = model.ops();
  Header header = {{},
                   kVersion,
                   static_cast<uint32_t>(state),
                   model.fingerprint(),
                   options,
                   static_cast<int32_t>(plans.size()),
                   n_tokens(),
                   n_queries,
                   n_moments};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  file.value(header);
  file.write(plans.data(), sizeof(rkv_plan) * plans.size());
  file.write(tokens.data(), sizeof(int32_t) * tokens.size());
  write_shared(file, ops, logits);
  for (const std::vector<rkv_pattern>& layer : patterns) {
    file.value(static_cast<int32_t>(layer.size()));
    file.write(layer.data(), sizeof(rkv_pattern) * layer.size());
  }
  for (const LayerState& layer : layers) {
    layer.cache.write(file, model, shape);
    write_shared(file, ops, layer.queries);
    write_shared(file, ops, layer.moments);
  }
  file.commit();
}

std::unique_ptr<Session> Session::load(Model& model, const std::string& path) {
  CheckedReader file(path);
  const auto header = file.value<Header>();
  if (!std::equal(std::begin(kMagic), std::end(kMagic), header.magic)) file.damaged("this is not a saved session");
  if (header.version != kVersion) {
    fail(RKV_E_ARG, "cannot read session \"%s\": expected format version %u, found %u", path.c_str(), kVersion,
         header.version);
  }
  if (header.fingerprint != model.fingerprint()) {
    fail(RKV_E_ARG, "cannot read session \"%s\": it was made with another model", path.c_str());
  }
  const uint64_t token_bytes = sizeof(int32_t) * static_cast<uint64_t>(static_cast<uint32_t>(header.n_tokens));
  if (header.state > 2 || header.n_tokens < 0 || header.n_queries < 0 || header.n_queries > RKV_MAX_WINDOW ||
      header.n_moments < 0 || header.n_moments > header.n_tokens || token_bytes > file.remaining()) {
    file.damaged("the header is out of range");
  }
  auto session = std::make_unique<Session>(model, header.options);
  Ops& ops = model.ops();
  session->state = static_cast<SessionState>(header.state);
  session->n_queries = header.n_queries;
  session->n_moments = header.n_moments;
  if (header.n_plans != 1 && header.n_plans != model.config.n_layers) file.damaged("the header is out of range");
  session->plans.resize(static_cast<size_t>(header.n_plans));
  file.read(session->plans.data(), sizeof(rkv_plan) * session->plans.size());
  session->check(session->plans);
  session->tokens.resize(static_cast<size_t>(header.n_tokens));
  file.read(session->tokens.data(), token_bytes);
  session->logits = read_shared(file, ops, sizeof(float) * model.config.vocab_size);
  for (std::vector<rkv_pattern>& layer : session->patterns) {
    layer.resize(static_cast<size_t>(read_count(file, model.config.n_heads, sizeof(rkv_pattern))));
    file.read(layer.data(), sizeof(rkv_pattern) * layer.size());
    check_patterns(layer, model.config);
  }
  const size_t n_heads = static_cast<size_t>(model.config.n_heads), d = static_cast<size_t>(model.config.head_dim);
  const bool ready = session->state == SessionState::kReady;
  for (int l = 0; l < model.config.n_layers; l++) {
    LayerState& layer = session->layers[static_cast<size_t>(l)];
    const rkv_plan& plan = session->plan(l);
    const bool ordered = !ready || plan.step_keep == 0 || plan.step_evict == RKV_STEP_OLDEST;
    layer.cache.read(file, model, session->shape, session->options, header.n_tokens, ordered);
    layer.queries = read_shared(file, ops, sizeof(float) * n_heads * d * header.n_queries);
    layer.moments = read_shared(file, ops, sizeof(double) * n_heads * (d + d * d));
    if (!ready) continue;
    if (plan.select == RKV_SELECT_PAGES) layer.cache.build_pages(model, session->shape, plan);
    layer.cache.prepare_steps(model, session->shape, plan);
  }
  file.finish();
  return session;
}

}  // namespace rkv
