/// \file
/// A node from its start to the signal that ends it.
#pragma once

#include <arrow/status.h>

#include "server/node.h"
#include "server/signals.h"

namespace longbow::server {

/// Starts the node and waits for signals. SIGHUP has it read its settings again, on another thread,
/// and once more if it comes again meanwhile; SIGTERM or SIGINT shuts it down, from where on SIGHUP
/// means nothing.
///
/// The process ends with exit code 1, at once and without any cleaning up, with a second SIGTERM or
/// SIGINT, and where the shutdown has not ended a second after the grace time: something hangs, and
/// the log says what. The same where a module hangs in its start.
/// Errors: those of `Node::Start`.
arrow::Status RunUntilSignal(Node* node, SignalWatcher* signals);

}  // namespace longbow::server
