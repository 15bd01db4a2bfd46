#include "flight/flight_info.h"

#include <string>

#include <arrow/buffer.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <longbow/ipc_encoder.h>

namespace longbow::flight {
namespace {

TEST(FlightInfoTest, AnEncodedSchemaIsWhatArrowWouldSerialise) {
  // Names of growing length need all paddings.
  std::string name;
  for (int i = 0; i < 40; ++i) {
    name += 'x';
    const auto schema =
        arrow::schema({arrow::field(name, arrow::int64()), arrow::field("b", arrow::utf8())});
    const auto message = IpcEncoder::Make(schema).ValueOrDie()->EncodeSchema().ValueOrDie();
    EXPECT_EQ(EncapsulatedMetadata(message).ValueOrDie(),
              arrow::ipc::SerializeSchema(*schema).ValueOrDie()->ToString());
  }
}

}  // namespace
}  // namespace longbow::flight
