/// \file
/// One RPC of gRPC's asynchronous API, as operations that are started and reactions to their ends.
/// Only for the transport's own sources: pulls in gRPC.
///
/// Not gRPC's callback API: that hands the end of each operation, and that of the call, from thread
/// to thread (a small call cost 60 us of the server's time with it and 45 us with this one).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include <grpcpp/generic/async_generic_service.h>

namespace longbow::transport {

/// What a completion queue hands out.
class CompletionTag {
 public:
  virtual ~CompletionTag() = default;
  virtual void Complete(bool ok) = 0;
};

/// One RPC. At most one read and one write are under way at a time, and one end, which is for the
/// caller to see to. Each operation ends with a reaction on the thread that serves its queue, never
/// within the function that started it. A queue is served by one thread: reactions of a call follow
/// one another, in the order in which gRPC saw their reasons.
class RpcStream {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnReadDone(bool ok) = 0;
    virtual void OnWriteDone(bool ok) = 0;
    /// The client went, cancelled or ran out of time, or the server stops. At most once; the call
    /// still has to be ended.
    virtual void OnCancel() = 0;
    /// The last reaction: the call has ended, and gRPC is through with it. The stream may go.
    virtual void OnDone() = 0;
  };

  /// A client has opened a call: gives its stream to who answers it, who sets the listener before
  /// the first operation.
  using Accept = std::function<void(std::unique_ptr<RpcStream>)>;

  /// Waits for calls on `queue`, as many at a time as this is called, until the server shuts down;
  /// each call that comes is followed by a new wait. `service`, `queue` and `accept` outlive it.
  static void Await(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
                    const Accept* accept);

  RpcStream(const RpcStream&) = delete;
  RpcStream& operator=(const RpcStream&) = delete;

  grpc::GenericServerContext& context() { return context_; }

  /// Reactions begin with this. Once, and before any operation.
  void Listen(Listener* listener);

  void StartRead(grpc::ByteBuffer* buffer);
  void StartWrite(const grpc::ByteBuffer& buffer, const grpc::WriteOptions& options);
  /// Ends the call after a last message.
  void StartWriteAndFinish(const grpc::ByteBuffer& buffer, const grpc::WriteOptions& options,
                           const grpc::Status& status);
  /// Ends the call. A write may be under way.
  void StartFinish(const grpc::Status& status);

  /// Something else is under way: `OnDone` waits for its `Release`, and may then come on that
  /// thread. False where `OnDone` is due already.
  bool TryRetain();
  void Release();

 private:
  class Tag : public CompletionTag {
   public:
    using Reaction = void (RpcStream::*)(bool);
    Tag(RpcStream* stream, Reaction reaction) : stream_(stream), reaction_(reaction) {}
    void Complete(bool ok) override { (stream_->*reaction_)(ok); }

   private:
    RpcStream* const stream_;
    const Reaction reaction_;
  };

  RpcStream(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
            const Accept* accept);

  void Opened(bool ok);
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void FinishDone(bool ok);
  /// gRPC's own end of the call: cancelled, or finished and sent.
  void Closed(bool ok);
  /// An operation begins; its end releases it.
  void Retain();

  grpc::AsyncGenericService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  const Accept* const accept_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  Tag opened_{this, &RpcStream::Opened};
  Tag read_{this, &RpcStream::ReadDone};
  Tag write_{this, &RpcStream::WriteDone};
  Tag finish_{this, &RpcStream::FinishDone};
  Tag closed_{this, &RpcStream::Closed};
  Listener* listener_ = nullptr;
  // The end and the close, which every call has, and what else is under way.
  std::atomic<int> open_operations_{2};
};

}  // namespace longbow::transport
