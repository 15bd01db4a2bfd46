#include <atomic>
#include <charconv>
#include <utility>

#include <longbow/error.h>

#include "flight/calls.h"

namespace longbow::flight {
namespace {

constexpr std::string_view kSyncHeader = "x-longbow-sync-rev";

/// A wait for a revision: the first of revision, limit and client's end wins.
struct SyncWait {
  explicit SyncWait(OpenCallPtr waiting, std::function<void()> next)
      : open(std::move(waiting)), then(std::move(next)) {}
  bool Claim() { return !ended.exchange(true); }

  OpenCallPtr open;
  std::function<void()> then;
  std::atomic<int64_t> id{0};  // with the gate; 0: none yet
  std::atomic<bool> ended{false};
};

}  // namespace

void AfterSync(OpenCallPtr open, std::function<void()> then) {
  auto header = open->call->FindHeader(kSyncHeader);
  if (!header) return then();
  int64_t revision = 0;
  auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), revision);
  if (error != std::errc() || end != header->data() + header->size() || revision < 0) {
    return open->Finish(MakeError(ErrorCode::kBadArgument,
                                  "the header x-longbow-sync-rev is a revision: a whole number"));
  }
  NodeContext* node = open->node;
  if (auto store = node->parts.registry->store()) node->revisions.Advance(store->revision());
  auto wait = std::make_shared<SyncWait>(open, std::move(then));
  // Only the gate keeps the wait, so that the open call goes when the wait ends.
  std::weak_ptr<SyncWait> weak = wait;
  open->call->SetCancelCallback([weak, node] {
    auto gone = weak.lock();
    if (!gone || !gone->Claim()) return;
    node->revisions.Forget(gone->id);
    gone->open->Finish(MakeError(ErrorCode::kCommandCancelled, "the caller is gone"));
  });
  wait->id = node->revisions.WaitFor(revision, [wait] {
    if (!wait->Claim()) return;
    wait->open->call->SetCancelCallback(nullptr);
    wait->then();
  });
  // The caller may have gone before it had an id.
  if (wait->ended) node->revisions.Forget(wait->id);
  if (wait->id == 0) return;
  const auto until =
      node->parts.clock->Now() + std::chrono::seconds(node->options.sync_timeout_sec);
  node->parts.timer->Schedule(until, [weak, node, revision] {
    auto late = weak.lock();
    if (!late || !late->Claim()) return;
    node->revisions.Forget(late->id);
    late->open->Finish(MakeError(
        ErrorCode::kTimeout, "revision " + std::to_string(revision) + " has not reached this node",
        "Ask again later, or take a revision that a server has answered."));
  });
}

void AnswerRevision(const OpenCall& open, int64_t revision) {
  open.node->revisions.Advance(revision);
  open.call->AddResponseHeader(kSyncHeader, std::to_string(revision));
}

}  // namespace longbow::flight
