#include "scan_reader.h"

#include <gtest/gtest.h>

#include <thread>

#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <arrow/dataset/dataset.h>
#include <arrow/util/future.h>

#include <longbow/error.h>
#include <longbow/testing/fake_task_context.h>

#include "source_fragment.h"

namespace longbow::connector {
namespace {

namespace ds = arrow::dataset;

std::shared_ptr<arrow::Schema> OneColumn() {
  return arrow::schema({arrow::field("x", arrow::int64())});
}

std::shared_ptr<arrow::RecordBatch> Batch(int64_t rows) {
  return arrow::RecordBatch::Make(
      OneColumn(), rows, {arrow::MakeArrayFromScalar(arrow::Int64Scalar(7), rows).ValueOrDie()});
}

// Gives batches, and then never answers. A scan passes a batch on when it has the next one.
class EndlessFragment : public ds::Fragment {
 public:
  explicit EndlessFragment(int batches) : Fragment(arrow::compute::literal(true), OneColumn()) {
    for (int i = 0; i < batches; ++i) batches_.push_back(Batch(10));
  }
  arrow::Result<ds::RecordBatchGenerator> ScanBatchesAsync(
      const std::shared_ptr<ds::ScanOptions>& options) override {
    return [this]() -> arrow::Future<std::shared_ptr<arrow::RecordBatch>> {
      if (next_ < batches_.size()) {
        return arrow::Future<std::shared_ptr<arrow::RecordBatch>>::MakeFinished(batches_[next_++]);
      }
      return never_;
    };
  }
  std::string type_name() const override { return "endless"; }
  void Release() { never_.MarkFinished(arrow::Status::IOError("released")); }

 protected:
  arrow::Result<std::shared_ptr<arrow::Schema>> ReadPhysicalSchemaImpl() override {
    return OneColumn();
  }

 private:
  arrow::RecordBatchVector batches_;
  size_t next_ = 0;
  arrow::Future<std::shared_ptr<arrow::RecordBatch>> never_ =
      arrow::Future<std::shared_ptr<arrow::RecordBatch>>::Make();
};

class ScanReaderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(arrow::compute::Initialize().ok()); }

  std::shared_ptr<ds::Scanner> Scan(ds::FragmentVector fragments) {
    auto dataset = std::make_shared<SourceDataset>(OneColumn(), std::move(fragments));
    auto builder = dataset->NewScan().ValueOrDie();
    EXPECT_TRUE(builder->UseThreads(true).ok());
    return builder->Finish().ValueOrDie();
  }

  testing::FakeTaskContext task_;
};

TEST_F(ScanReaderTest, ReadsAllRows) {
  auto fragment = std::make_shared<ds::InMemoryFragment>(
      OneColumn(), arrow::RecordBatchVector{Batch(3), Batch(0), Batch(4)});
  auto scanner = Scan({fragment, fragment});
  auto reader = ScanReader::Make(OneColumn(), *scanner, {}, task_).ValueOrDie();
  auto table = reader->ToTable().ValueOrDie();
  EXPECT_EQ(table->num_rows(), 14);
  std::shared_ptr<arrow::RecordBatch> end;
  EXPECT_TRUE(reader->ReadNext(&end).ok());
  EXPECT_EQ(end, nullptr);
}

TEST_F(ScanReaderTest, StopsAtTheLimitWithoutWaitingForMore) {
  auto fragment = std::make_shared<EndlessFragment>(4);
  auto scanner = Scan({fragment});
  auto reader = ScanReader::Make(OneColumn(), *scanner, 25, task_).ValueOrDie();
  auto table = reader->ToTable().ValueOrDie();
  EXPECT_EQ(table->num_rows(), 25);
  reader.reset();
  fragment->Release();
}

TEST_F(ScanReaderTest, ALimitOfNothingReadsNothing) {
  auto fragment = std::make_shared<EndlessFragment>(0);
  auto scanner = Scan({fragment});
  auto reader = ScanReader::Make(OneColumn(), *scanner, 0, task_).ValueOrDie();
  EXPECT_EQ(reader->ToTable().ValueOrDie()->num_rows(), 0);
}

TEST_F(ScanReaderTest, CancellingEndsAWaitAtOnce) {
  auto fragment = std::make_shared<EndlessFragment>(2);
  auto scanner = Scan({fragment});
  auto reader = ScanReader::Make(OneColumn(), *scanner, {}, task_).ValueOrDie();
  ASSERT_NE(reader->Next().ValueOrDie(), nullptr);
  std::thread cancels([&] { task_.Cancel(); });
  auto next = reader->Next();
  cancels.join();
  EXPECT_EQ(ErrorCodeOf(next.status()), ErrorCode::kCommandCancelled) << next.status();
  reader.reset();
  fragment->Release();
}

TEST_F(ScanReaderTest, AReaderOfACancelledTaskFails) {
  task_.Cancel();
  auto fragment = std::make_shared<EndlessFragment>(0);
  auto scanner = Scan({fragment});
  auto reader = ScanReader::Make(OneColumn(), *scanner, {}, task_).ValueOrDie();
  EXPECT_EQ(ErrorCodeOf(reader->Next().status()), ErrorCode::kCommandCancelled);
  reader.reset();
  fragment->Release();
}

TEST_F(ScanReaderTest, MayBeDestroyedBeforeItsEnd) {
  auto fragment = std::make_shared<EndlessFragment>(2);
  auto scanner = Scan({fragment});
  auto reader = ScanReader::Make(OneColumn(), *scanner, {}, task_).ValueOrDie();
  ASSERT_NE(reader->Next().ValueOrDie(), nullptr);
  reader.reset();
  task_.Cancel();
  fragment->Release();
}

}  // namespace
}  // namespace longbow::connector
