#include "transport/rpc_stream.h"

#include <utility>

namespace longbow::transport {

void RpcStream::Await(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
                      const Accept* accept) {
  // Deletes itself where no call comes, and belongs to the call where one does.
  auto* stream = new RpcStream(service, queue, accept);
  stream->context_.AsyncNotifyWhenDone(&stream->closed_);
  service->RequestCall(&stream->context_, &stream->stream_, queue, queue, &stream->opened_);
}

RpcStream::RpcStream(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
                     const Accept* accept)
    : service_(service), queue_(queue), accept_(accept) {}

void RpcStream::Listen(Listener* listener) { listener_ = listener; }

void RpcStream::StartRead(grpc::ByteBuffer* buffer) {
  Retain();
  stream_.Read(buffer, &read_);
}

void RpcStream::StartWrite(const grpc::ByteBuffer& buffer, const grpc::WriteOptions& options) {
  Retain();
  stream_.Write(buffer, options, &write_);
}

void RpcStream::StartWriteAndFinish(const grpc::ByteBuffer& buffer,
                                    const grpc::WriteOptions& options, const grpc::Status& status) {
  stream_.WriteAndFinish(buffer, options, status, &finish_);
}

void RpcStream::StartFinish(const grpc::Status& status) { stream_.Finish(status, &finish_); }

void RpcStream::Opened(bool ok) {
  std::unique_ptr<RpcStream> self(this);
  if (!ok) return;  // the server shuts down
  Await(service_, queue_, accept_);
  (*accept_)(std::move(self));
}

void RpcStream::ReadDone(bool ok) {
  listener_->OnReadDone(ok);
  Release();
}

void RpcStream::WriteDone(bool ok) {
  listener_->OnWriteDone(ok);
  Release();
}

void RpcStream::FinishDone(bool) { Release(); }

void RpcStream::Closed(bool) {
  if (context_.IsCancelled()) listener_->OnCancel();
  Release();
}

void RpcStream::Retain() { open_operations_.fetch_add(1, std::memory_order_relaxed); }

bool RpcStream::TryRetain() {
  int open = open_operations_.load(std::memory_order_relaxed);
  while (open > 0) {
    if (open_operations_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void RpcStream::Release() {
  if (open_operations_.fetch_sub(1, std::memory_order_acq_rel) == 1) listener_->OnDone();
}

}  // namespace longbow::transport
