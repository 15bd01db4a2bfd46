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
  open_operations_.fetch_add(1, std::memory_order_relaxed);
  stream_.Read(buffer, &read_);
}

void RpcStream::StartWrite(const grpc::ByteBuffer& buffer, const grpc::WriteOptions& options) {
  open_operations_.fetch_add(1, std::memory_order_relaxed);
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
  Unref();
}

void RpcStream::WriteDone(bool ok) {
  listener_->OnWriteDone(ok);
  Unref();
}

void RpcStream::FinishDone(bool) { Unref(); }

void RpcStream::Closed(bool) {
  if (context_.IsCancelled()) listener_->OnCancel();
  Unref();
}

void RpcStream::Unref() {
  if (open_operations_.fetch_sub(1, std::memory_order_acq_rel) == 1) listener_->OnDone();
}

}  // namespace longbow::transport
