// What arrow.h precompiles, and Flight and gRPC.
#pragma once

#include "arrow.h"

#include "arrow/flight/api.h"
#include "grpcpp/grpcpp.h"
