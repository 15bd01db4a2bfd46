// How inputs are read: which columns, how often, and what comes of their errors.
#include <atomic>
#include <condition_variable>

#include "sql_fixture.h"

namespace longbow::sql {
namespace {

using Names = std::vector<std::string>;

class InputScanTest : public SqlFixture {};

TEST_F(InputScanTest, OpensTheColumnsThatTheQueryNeeds) {
  inputs_.Add("t", Numbers(10));
  EXPECT_EQ(Scalar("SELECT sum(half) FROM t WHERE id > 7"), "8.5");
  ASSERT_EQ(inputs_.opened().size(), 1U);
  EXPECT_EQ(inputs_.opened()[0].second, (Names{"id", "half"}));
}

TEST_F(InputScanTest, CountsRowsWithoutColumns) {
  inputs_.Add("t", Numbers(300000, 150000));
  EXPECT_EQ(Scalar("SELECT count(*) FROM t"), "300000");
  ASSERT_EQ(inputs_.opened().size(), 1U);
  EXPECT_EQ(inputs_.opened()[0].second, Names{});
}

TEST_F(InputScanTest, NamesIgnoreCase) {
  inputs_.Add("Sales", Numbers(3));
  EXPECT_EQ(Scalar("SELECT count(*) FROM sALES"), "3");
  inputs_.Add("SALES", Numbers(4));
  const arrow::Status status = Run("SELECT 1").status();
  EXPECT_EQ(CodeName(status), "BAD_ARGUMENT");
  EXPECT_NE(status.ToString().find("differ only in case"), std::string::npos);
}

TEST_F(InputScanTest, UnknownTableNamesTheInputs) {
  inputs_.Add("sales", Numbers(3));
  const arrow::Status status = Run("SELECT *\nFROM sale").status();
  EXPECT_EQ(CodeName(status), "BAD_ARGUMENT");
  EXPECT_NE(status.message().find("'sale'"), std::string::npos);
  EXPECT_NE(status.message().find("The inputs are: sales"), std::string::npos);
  EXPECT_EQ(Detail(status).find("line 2, position 6\n"), 0U) << Detail(status);
}

TEST_F(InputScanTest, UnusedInputsAreLeftAlone) {
  inputs_.Add("used", Numbers(3));
  inputs_.Add("unused", Numbers(3));
  EXPECT_EQ(Scalar("SELECT count(*) FROM used"), "3");
  EXPECT_EQ(inputs_.open_count("unused"), 0);
}

TEST_F(InputScanTest, TellsHowMuchOfItsInputsIsRead) {
  inputs_.Add("big", Numbers(300000, 1000));
  inputs_.Add("small", Numbers(1000));
  // Nobody takes the result: the scan stops within the first part.
  auto reader = Start("SELECT repeat(name, 100) FROM big").ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  EXPECT_GT(task_.progress(), 0);
  EXPECT_LT(task_.progress(), 1);
  reader.reset();

  EXPECT_EQ(Scalar("SELECT count(*) FROM big JOIN small USING (id)"), "1000");
  EXPECT_EQ(task_.progress(), 1);

  // Where one of them does not tell its size, there is no telling.
  task_.SetProgress(0);
  inputs_.Add("endless", Numbers(1000), {.knows_row_count = false});
  EXPECT_EQ(Scalar("SELECT count(*) FROM endless JOIN small USING (id)"), "1000");
  EXPECT_EQ(task_.progress(), 0);
}

TEST_F(InputScanTest, BigBatchesAreCutAndSmallOnesJoined) {
  for (int64_t batch_rows : {1, 7, 2048, 122881, 250000}) {
    const int64_t rows = batch_rows < 100 ? 5000 : 250000;
    inputs_.Add("t", Numbers(rows, batch_rows));
    auto table =
        Run("SELECT count(*) AS c, sum(id)::BIGINT AS s, count(DISTINCT name) AS d FROM t");
    ASSERT_TRUE(table.ok()) << table.status().ToString();
    auto value = [&](int column) {
      return (*table)->column(column)->GetScalar(0).ValueOrDie()->ToString();
    };
    EXPECT_EQ(value(0), std::to_string(rows)) << batch_rows;
    EXPECT_EQ(value(1), std::to_string(rows * (rows - 1) / 2)) << batch_rows;
    EXPECT_EQ(value(2), std::to_string(rows)) << batch_rows;
  }
}

TEST_F(InputScanTest, KeepsTheOrderOfRows) {
  inputs_.Add("t", Numbers(400000, 3000));
  auto table = Run("SELECT id FROM t").ValueOrDie();
  ASSERT_EQ(table->num_rows(), 400000);
  int64_t expected = 0;
  for (const auto& chunk : table->column(0)->chunks()) {
    const auto& ids = static_cast<const arrow::Int64Array&>(*chunk);
    for (int64_t i = 0; i < ids.length(); ++i) ASSERT_EQ(ids.Value(i), expected++);
  }
}

TEST_F(InputScanTest, NonReplayableInputIsReadOnce) {
  inputs_.Add("t", Numbers(5000, 100), {.replayable = false, .knows_row_count = false});
  EXPECT_EQ(Scalar("SELECT count(*) FROM t a JOIN t b ON a.id = b.id + 1"), "4999");
  EXPECT_EQ(inputs_.open_count("t"), 1);
  // All columns that any of the scans needs.
  EXPECT_EQ(inputs_.opened()[0].second, (Names{"id"}));
}

TEST_F(InputScanTest, NonReplayableInputWithDifferentColumnsPerScan) {
  inputs_.Add("t", Numbers(1000), {.replayable = false});
  EXPECT_EQ(Scalar("SELECT (SELECT max(name) FROM t) || (SELECT sum(half)::INT FROM t)::VARCHAR || "
                   "(SELECT count(*) FROM t)::VARCHAR"),
            "the row of the number 9992497501000");
  EXPECT_EQ(inputs_.open_count("t"), 1);
  EXPECT_EQ(inputs_.opened()[0].second, (Names{"half", "name"}));
}

TEST_F(InputScanTest, NonReplayableInputInARecursiveQuery) {
  inputs_.Add("t", Numbers(100), {.replayable = false});
  EXPECT_EQ(Scalar("WITH RECURSIVE r(id) AS (SELECT 0::BIGINT UNION ALL "
                   "SELECT t.id FROM t JOIN r ON t.id = r.id + 1) SELECT max(id) FROM r"),
            "99");
  EXPECT_EQ(inputs_.open_count("t"), 1);
}

TEST_F(InputScanTest, NonReplayableInputThatIsTooBigToKeep) {
  MakeService({.query_memory_limit = 32 << 20, .query_spill_limit = 0});
  inputs_.Add("t", Numbers(1000000, 50000), {.replayable = false});
  const arrow::Status status =
      Run("SELECT (SELECT max(name) FROM t WHERE id > 5), (SELECT max(name) FROM t WHERE id < 5)")
          .status();
  EXPECT_EQ(CodeName(status), "RESOURCE_EXHAUSTED") << status.ToString();
}

TEST_F(InputScanTest, ErrorOfAnInputComesOutAsItIs) {
  const auto error =
      MakeError(ErrorCode::kDataLoss, "The half of it is missing", "where it was", "body");
  inputs_.Add("t", Numbers(5000), {.end = error});
  for (const char* query : {"SELECT * FROM t", "SELECT sum(id) FROM t",
                            "SELECT count(*) FROM t a JOIN t b USING (id)"}) {
    const arrow::Status status = Run(query).status();
    ASSERT_NE(ErrorDetailOf(status), nullptr) << query;
    EXPECT_EQ(ErrorDetailOf(status)->code(), ErrorCode::kDataLoss);
    EXPECT_EQ(status.message(), error.message());
    EXPECT_EQ(Detail(status), "where it was");
  }
  EXPECT_EQ(Scalar("SELECT 1"), "1") << "the engine goes on";
}

// An input whose schema cannot be had.
class FailingSchema : public RecordingInputs {
 public:
  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const std::string& name) override {
    return MakeError(ErrorCode::kNotFound, "There is no flight " + name);
  }
};

TEST_F(InputScanTest, ErrorOfAnInputsSchema) {
  FailingSchema inputs;
  inputs.Add("t", Numbers(1));
  Value::Object fields{{"query", "SELECT * FROM t"}};
  EXPECT_EQ(CodeName(service_->Execute({fields, inputs, task_}).status()), "NOT_FOUND");
  EXPECT_EQ(CodeName(service_->GetSchema({fields, inputs, task_}).status()), "NOT_FOUND");
}

// An input that gives other columns than it said.
class LyingInputs : public RecordingInputs {
 public:
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const std::string& name,
                                                                Columns columns) override {
    return FakeInputs::Open(name, std::vector<std::string>{"name"});
  }
};

TEST_F(InputScanTest, ColumnsThatAreNotWhatTheSchemaSays) {
  LyingInputs inputs;
  inputs.Add("t", Numbers(10));
  Value::Object fields{{"query", "SELECT sum(id) FROM t"}};
  auto reader = service_->Execute({fields, inputs, task_});
  arrow::Status status = reader.status();
  if (status.ok()) status = (*reader)->ToTable().status();
  EXPECT_EQ(CodeName(status), "INTERNAL_ERROR") << status.ToString();
}

TEST_F(InputScanTest, ColumnNamesThatAreTheSameOrEmpty) {
  auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("a", arrow::int64()),
                     arrow::field("A", arrow::int64()), arrow::field("", arrow::int64())});
  auto column = [](int64_t value) {
    arrow::Int64Builder builder;
    EXPECT_TRUE(builder.Append(value).ok());
    return builder.Finish().ValueOrDie();
  };
  ASSERT_TRUE(inputs_
                  .AddBatches("t", schema,
                              {arrow::RecordBatch::Make(
                                  schema, 1, {column(1), column(2), column(3), column(4)})})
                  .ok());
  auto table = Run("SELECT * FROM t").ValueOrDie();
  ASSERT_EQ(table->num_columns(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(table->column(i)->GetScalar(0).ValueOrDie()->ToString(), std::to_string(i + 1));
  }
  EXPECT_EQ(Scalar("SELECT column3 FROM t"), "4");
}

TEST_F(InputScanTest, ColumnsWhoseNamesDifferInCase) {
  auto schema =
      arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("A", arrow::int64())});
  arrow::StringBuilder text;
  arrow::Int64Builder number;
  ASSERT_TRUE(text.Append("x").ok() && number.Append(5).ok());
  ASSERT_TRUE(
      inputs_
          .AddBatches("t", schema,
                      {arrow::RecordBatch::Make(
                          schema, 1, {text.Finish().ValueOrDie(), number.Finish().ValueOrDie()})})
          .ok());
  EXPECT_EQ(Scalar("SELECT a_1 FROM t"), "5");
  EXPECT_EQ(inputs_.opened()[0].second, (Names{"A"}));
}

TEST_F(InputScanTest, EmptyInputs) {
  inputs_.Add("none", Numbers(0));
  EXPECT_EQ(Scalar("SELECT count(*) FROM none"), "0");
  EXPECT_EQ(Run("SELECT * FROM none").ValueOrDie()->num_rows(), 0);
  inputs_.Add("bare", arrow::Table::Make(arrow::schema(arrow::FieldVector()),
                                         arrow::ChunkedArrayVector(), 5));
  EXPECT_EQ(CodeName(Run("SELECT count(*) FROM bare").status()), "BAD_ARGUMENT");
}

}  // namespace
}  // namespace longbow::sql
