#include "server/memory_trimmer.h"

#include <cstdlib>
#include <utility>

#include <malloc.h>

#include <arrow/memory_pool.h>

namespace longbow::server {
namespace {

// gRPC receives into blocks of up to 4 MiB. Larger ones than this come from the system and go back
// to it one by one; it is the most that glibc takes (mallopt(3)).
constexpr int kMapFromBytes = 32 << 20;
// What is free at the end of each of the library's heaps may stay there up to this.
constexpr int kKeptBytes = 64 << 20;

}  // namespace

void KeepFreedMemory() {
  // Arrow's own choice, mimalloc, keeps what another thread frees until the thread that asked for
  // it asks again, and ReleaseUnused() does not reach it: a node that refuses new work for lack of
  // memory would never get it back. Who sets the variable has a reason.
  setenv("ARROW_DEFAULT_MEMORY_POOL", "system", /*overwrite=*/0);
  mallopt(M_MMAP_THRESHOLD, kMapFromBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
}

MemoryTrimmer::MemoryTrimmer(std::function<Activity()> activity, std::function<void()> give_back)
    : activity_(std::move(activity)), give_back_(std::move(give_back)) {}

void MemoryTrimmer::Run() {
  const Activity now = activity_();
  const bool idle = now.open_calls == 0 && now.calls_begun == calls_seen_;
  calls_seen_ = now.calls_begun;
  if (!idle && skipped_ < kMostSkipped) {
    ++skipped_;
    return;
  }
  skipped_ = 0;
  give_back_();
}

void GiveMemoryBack() {
  arrow::default_memory_pool()->ReleaseUnused();
  malloc_trim(0);
}

}  // namespace longbow::server
