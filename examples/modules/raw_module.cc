// A module that answers raw Flight calls: it has a protocol of its own (here: the action `time`,
// tickets that begin with `count:`, and an exchange `echo`), and the server does the rest.
#include <charconv>
#include <chrono>

#include <arrow/api.h>
#include <arrow/flight/types.h>
#include <longbow/error.h>
#include <longbow/module.h>

namespace {

using arrow::flight::FlightDescriptor;
using longbow::StreamItem;

// Counts from 1, a batch for each number, as long as the reader takes them.
class Counter : public longbow::ItemStream {
 public:
  explicit Counter(int64_t last) : last_(last) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Result<std::optional<StreamItem>> Next() override {
    if (next_ > last_) return std::nullopt;
    arrow::Int64Builder numbers;
    ARROW_RETURN_NOT_OK(numbers.Append(next_));
    ARROW_ASSIGN_OR_RAISE(auto column, numbers.Finish());
    StreamItem item;
    item.batch = arrow::RecordBatch::Make(schema_, 1, {column});
    item.app_metadata = arrow::Buffer::FromString("number " + std::to_string(next_));
    ++next_;
    return item;
  }

 private:
  std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("number", arrow::int64())});
  int64_t next_ = 1;
  int64_t last_;
};

// Sends back what comes, and at the end how many batches it was.
class Echo : public longbow::ItemHandler {
 public:
  arrow::Status OnItem(StreamItem item, longbow::ItemWriter& writer) override {
    if (item.batch) {
      // The schema goes out before the first batch; an exchange of metadata alone has none.
      if (batches_++ == 0) ARROW_RETURN_NOT_OK(writer.Begin(item.batch->schema()));
    }
    return writer.Write(std::move(item));
  }

  arrow::Status OnEnd(longbow::ItemWriter& writer) override {
    return writer.Write({nullptr, arrow::Buffer::FromString(std::to_string(batches_))});
  }

 private:
  int64_t batches_ = 0;
};

class RawMethods : public longbow::FlightMethods {
 public:
  explicit RawMethods(const longbow::Clock& clock) : clock_(clock) {}

  std::vector<arrow::flight::ActionType> ListActions() override {
    return {{"time", "Seconds since 1970, by this server's clock."}};
  }

  arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> DoAction(
      longbow::CallContext&, const arrow::flight::Action& action) override {
    if (action.type != "time") return NotHandled();
    const auto now = std::chrono::system_clock::to_time_t(clock_.WallNow());
    return std::vector{
        std::shared_ptr<arrow::Buffer>(arrow::Buffer::FromString(std::to_string(now)))};
  }

  arrow::Result<std::unique_ptr<longbow::ItemStream>> DoGet(
      longbow::CallContext&, const arrow::flight::Ticket& ticket) override {
    const std::string prefix = "count:";
    if (!ticket.ticket.starts_with(prefix)) return NotHandled();
    const char* begin = ticket.ticket.data() + prefix.size();
    const char* end = ticket.ticket.data() + ticket.ticket.size();
    int64_t last = 0;
    const auto [stopped, error] = std::from_chars(begin, end, last);
    if (error != std::errc() || stopped != end) {
      return longbow::MakeError(longbow::ErrorCode::kInvalidTicket,
                                "the ticket is not 'count:' and a number");
    }
    return std::make_unique<Counter>(last);
  }

  arrow::Result<std::unique_ptr<longbow::ItemHandler>> DoExchange(
      longbow::CallContext&, const longbow::StreamStart& start) override {
    if (start.descriptor.type != FlightDescriptor::CMD || start.descriptor.cmd != "echo") {
      return NotHandled();
    }
    return std::make_unique<Echo>();
  }

 private:
  const longbow::Clock& clock_;
};

class RawModule : public longbow::Module {
 public:
  arrow::Status Register(const longbow::ModuleContext& context,
                         longbow::Registrar& registrar) override {
    return registrar.AddFlightMethods(std::make_shared<RawMethods>(context.clock));
  }
};

}  // namespace

LONGBOW_MODULE(RawModule, "raw", "1.0")
