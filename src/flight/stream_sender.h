/// \file
/// Sends streams by the pace of their reader: one message is under way at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_methods.h>
#include <longbow/flight_store.h>
#include <longbow/ipc_encoder.h>

#include "flight/node_context.h"
#include "task/task.h"

namespace longbow::flight {

/// What the caller's headers ask of the form of the record batches.
/// Errors: BAD_ARGUMENT for a value that no header knows.
arrow::Result<IpcEncoderOptions> EncodingOf(const CallContext& call);

/// Whether that is the form in which stored flights are kept.
bool IsStoredForm(const IpcEncoderOptions& options);

/// Each of these returns at once and ends the call when the stream has ended, failed or broken.

/// The messages of a stored flight as they are kept.
void SendStored(OpenCallPtr open, std::shared_ptr<const StoredFlight> flight);

/// The result of a task. Where nothing is ready, what the encoder kept back goes out at once.
void SendTask(OpenCallPtr open, std::unique_ptr<Task::Reader> reader,
              const IpcEncoderOptions& options);

/// Batches from a reader that may block, on the pool.
void SendReader(OpenCallPtr open, std::shared_ptr<arrow::RecordBatchReader> reader,
                const IpcEncoderOptions& options);

/// A module's own stream, on the pool: one message per item.
void SendItems(OpenCallPtr open, std::unique_ptr<ItemStream> items);

/// Messages that are all there.
void SendFrames(OpenCallPtr open, std::vector<transport::Frame> frames);

}  // namespace longbow::flight
