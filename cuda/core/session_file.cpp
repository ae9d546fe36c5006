// A session on disk: header, history, then layer by layer the cache as one block per KV head, then a checksum.
#include <algorithm>

#include "core/failure.h"
#include "core/file_io.h"
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
};

void write_device(AtomicWriter& file, Ops& ops, const void* device, size_t bytes) {
  std::vector<uint8_t> host(bytes);
  ops.download(host.data(), device, bytes);
  file.write(host.data(), bytes);
}

void read_device(CheckedReader& file, Ops& ops, void* device, size_t bytes) {
  std::vector<uint8_t> host(bytes);
  file.read(host.data(), bytes);
  ops.upload(device, host.data(), bytes);
}

/// A count that the rest of the file must be long enough to hold.
int read_count(CheckedReader& file, int64_t limit, size_t bytes_each) {
  const auto count = file.value<int32_t>();
  if (count < 0 || count > limit || static_cast<uint64_t>(count) * bytes_each > file.remaining()) {
    file.damaged("a count is out of range");
  }
  return count;
}

}  // namespace

void LayerCache::write(AtomicWriter& file, Model& model, const CacheShape& shape) const {
  Ops& ops = model.ops();
  file.value(static_cast<int32_t>(slots_));
  file.value(static_cast<int32_t>(index_ != nullptr ? index_->count : -1));
  for (int h = 0; h < shape.n_kv_heads && slots_ > 0; h++) {
    const HeadCache view = head(h, true);
    for (int r = 0; r < view.n_runs; r++) write_device(file, ops, view.runs[r].k, view.runs[r].n * shape.row_bytes());
    for (int r = 0; r < view.n_runs; r++) write_device(file, ops, view.runs[r].v, view.runs[r].n * shape.row_bytes());
    for (int r = 0; r < view.n_runs; r++)
      write_device(file, ops, view.runs[r].position, view.runs[r].n * sizeof(int32_t));
    if (view.index != nullptr) write_device(file, ops, view.index, view.n_index * sizeof(int32_t));
  }
}

void LayerCache::read(CheckedReader& file, Model& model, const CacheShape& shape, int n_tokens) {
  Ops& ops = model.ops();
  const int n = read_count(file, n_tokens, 2 * shape.row_bytes() * shape.n_kv_heads);
  const auto n_index = file.value<int32_t>();
  if (n_index < -1 || n_index > n) file.damaged("a count is out of range");
  *this = LayerCache();
  if (n == 0) return;
  auto block = std::make_shared<KvBlock>(model, shape, n);
  std::vector<int32_t> index;
  std::vector<int32_t> list(static_cast<size_t>(n));
  const auto read_ascending = [&](int count, int limit) {  // positions and slots index memory later on: check them
    file.read(list.data(), sizeof(int32_t) * count);
    for (int i = 0; i < count; i++) {
      if (list[i] < 0 || list[i] >= limit || (i > 0 && list[i] <= list[i - 1]))
        file.damaged("a position is out of range");
    }
  };
  for (int h = 0; h < shape.n_kv_heads; h++) {
    read_device(file, ops, block->k(h, 0), n * shape.row_bytes());
    read_device(file, ops, block->v(h, 0), n * shape.row_bytes());
    read_ascending(n, n_tokens);
    ops.upload(block->position(h, 0), list.data(), sizeof(int32_t) * n);
    if (n_index < 0) continue;
    read_ascending(n_index, n);
    index.insert(index.end(), list.begin(), list.begin() + n_index);
  }
  block->filled = n;
  segments_.assign(1, {std::move(block), 0, n});
  slots_ = n;
  refresh_runs();
  if (n_index < 0) return;
  Buffer slots(ops, sizeof(int32_t) * std::max<size_t>(index.size(), 1));
  ops.upload(slots.as(), index.data(), sizeof(int32_t) * index.size());
  set_index(model, shape, slots.as<int32_t>(), n_index);
}

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
                   n_queries};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  file.value(header);
  file.write(plans.data(), sizeof(rkv_plan) * plans.size());
  file.write(tokens.data(), sizeof(int32_t) * tokens.size());
  file.value(static_cast<int32_t>(logits != nullptr));
  if (logits != nullptr) write_device(file, ops, logits->as(), logits->bytes());
  for (const LayerState& layer : layers) {
    layer.cache.write(file, model, shape);
    if (n_queries > 0) write_device(file, ops, layer.queries->as(), layer.queries->bytes());
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
      token_bytes > file.remaining()) {
    file.damaged("the header is out of range");
  }
  auto session = std::make_unique<Session>(model, header.options);
  Ops& ops = model.ops();
  session->state = static_cast<SessionState>(header.state);
  session->n_queries = header.n_queries;
  if (header.n_plans != 1 && header.n_plans != model.config.n_layers) file.damaged("the header is out of range");
  session->plans.resize(static_cast<size_t>(header.n_plans));
  file.read(session->plans.data(), sizeof(rkv_plan) * session->plans.size());
  check_plans(session->plans, model.config);
  session->tokens.resize(static_cast<size_t>(header.n_tokens));
  file.read(session->tokens.data(), token_bytes);
  if (file.value<int32_t>() != 0) {
    auto logits = std::make_shared<const Buffer>(ops, sizeof(float) * model.config.vocab_size);
    read_device(file, ops, logits->as(), logits->bytes());
    session->logits = std::move(logits);
  }
  const size_t query_bytes = sizeof(float) * model.config.n_heads * model.config.head_dim * header.n_queries;
  for (int l = 0; l < model.config.n_layers; l++) {
    LayerState& layer = session->layers[static_cast<size_t>(l)];
    layer.cache.read(file, model, session->shape, header.n_tokens);
    if (header.n_queries > 0) {
      auto queries = std::make_shared<const Buffer>(ops, query_bytes);
      read_device(file, ops, queries->as(), query_bytes);
      layer.queries = std::move(queries);
    }
    const rkv_plan& plan = session->plan(l);
    if (session->state == SessionState::kReady && plan.select == RKV_SELECT_PAGES) {
      layer.cache.build_pages(model, session->shape, plan.page_size);
    }
  }
  file.finish();
  return session;
}

}  // namespace rkv
