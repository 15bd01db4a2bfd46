#include "connector_service.h"

#include <gtest/gtest.h>

#include <arrow/api.h>

#include <longbow/error.h>
#include <longbow/testing/fake_inputs.h>
#include <longbow/testing/fake_task_context.h>

namespace longbow::connector {
namespace {

// Remembers what it was asked, and gives one row.
class OneRowSource : public Source {
 public:
  explicit OneRowSource(ReadRequest* last) : last_(last) {}

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ReadRequest& request) override {
    *last_ = request;
    return arrow::schema({});
  }
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Read(const ReadRequest& request,
                                                                TaskContext& task) override {
    *last_ = request;
    return MakeError(ErrorCode::kCommandFailed, "it was read");
  }
  arrow::Result<std::vector<Service::Listing>> List(int64_t limit) override {
    if (last_->path.has_value()) return MakeError(ErrorCode::kNotFound, "nothing there");
    Service::Listing listing;
    listing.rows = 1;
    return std::vector<Service::Listing>(std::min<int64_t>(limit, 2), listing);
  }

 private:
  ReadRequest* last_;
};

class ConnectorServiceTest : public ::testing::Test {
 protected:
  ConnectorServiceTest() {
    std::map<std::string, std::unique_ptr<Source>> sources;
    sources["nyc"] = std::make_unique<OneRowSource>(&nyc_);
    sources["tpch"] = std::make_unique<OneRowSource>(&tpch_);
    service_ = std::make_unique<ConnectorService>(std::move(sources));
  }

  arrow::Status Execute(const Value::Object& fields,
                        std::optional<std::vector<std::string>> columns = {}) {
    return service_->Execute({fields, inputs_, task_, columns}).status();
  }

  ReadRequest nyc_;
  ReadRequest tpch_;
  std::unique_ptr<ConnectorService> service_;
  testing::FakeInputs inputs_;
  testing::FakeTaskContext task_;
};

TEST_F(ConnectorServiceTest, Description) {
  const auto& description = service_->description();
  EXPECT_EQ(description.name, "connector");
  EXPECT_FALSE(description.takes_inputs);
  ASSERT_EQ(description.fields.size(), 5u);
  EXPECT_EQ(description.fields[0].name, "source");
  EXPECT_TRUE(description.fields[0].required);
}

TEST_F(ConnectorServiceTest, AsksTheSourceThatIsNamed) {
  EXPECT_EQ(Execute({{"source", "nyc"}, {"path", "x"}, {"limit", 5}}, {{"a"}}).message(),
            "it was read");
  EXPECT_EQ(nyc_.path, "x");
  EXPECT_EQ(nyc_.limit, 5);
  EXPECT_EQ(nyc_.used_columns, (std::vector<std::string>{"a"}));
  EXPECT_FALSE(tpch_.path.has_value());
  Value::Object fields = {{"source", "tpch"}, {"path", "y"}};
  EXPECT_TRUE(service_->GetSchema({fields, inputs_, task_}).ok());
  EXPECT_EQ(tpch_.path, "y");
}

TEST_F(ConnectorServiceTest, AnUnknownSourceIsNotFoundWithAHint) {
  auto status = Execute({{"source", "nycc"}});
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kNotFound);
  EXPECT_NE(status.message().find("did you mean 'nyc'?"), std::string::npos) << status;
  status = Execute({{"source", "something"}});
  EXPECT_NE(status.message().find("'nyc', 'tpch'"), std::string::npos) << status;
  ConnectorService empty({});
  Value::Object fields = {{"source", "x"}};
  EXPECT_EQ(ErrorCodeOf(empty.Execute({fields, inputs_, task_}).status()), ErrorCode::kNotFound);
}

TEST_F(ConnectorServiceTest, ListsAllSourcesUpToTheLimit) {
  EXPECT_EQ(service_->List(10).ValueOrDie().size(), 4u);
  EXPECT_EQ(service_->List(3).ValueOrDie().size(), 3u);
  nyc_.path = "fails";
  auto listings = service_->List(10).ValueOrDie();
  ASSERT_EQ(listings.size(), 3u);
  EXPECT_EQ(Value(listings[0].fields).ToJson(), R"({"source":"nyc"})");
}

}  // namespace
}  // namespace longbow::connector
