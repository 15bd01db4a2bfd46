/// \file
/// A node from its start to the signal that ends it.
#pragma once

#include "server/node.h"
#include "server/signals.h"

namespace longbow::server {

/// Waits for SIGTERM or SIGINT, then shuts the node down. A second signal during that ends the
/// process at once, with exit code 1 and without any cleaning up.
void RunUntilSignal(Node* node, SignalWatcher* signals);

}  // namespace longbow::server
