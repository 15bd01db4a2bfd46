/// \file
/// How many files, and with them connections, the process may have open.
#pragma once

#include <longbow/log.h>

namespace longbow::server {

/// Raises the soft limit of open files as far as the hard one allows, and warns where that is too
/// few for so many connections.
void RaiseFileLimit(int connections, Logger* logger);

}  // namespace longbow::server
