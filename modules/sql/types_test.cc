// Arrow's types through a query: there and back again, and those that SQL cannot read.
#include <arrow/array/array_base.h>
#include <arrow/json/from_string.h>

#include "sql_fixture.h"

namespace longbow::sql {
namespace {

class TypesTest : public SqlFixture {
 protected:
  /// The column after `SELECT *`, in several slices, so that offsets count.
  std::shared_ptr<arrow::ChunkedArray> Through(const std::shared_ptr<arrow::Array>& array,
                                               const std::string& query = "SELECT x FROM t") {
    auto schema = arrow::schema({arrow::field("x", array->type())});
    arrow::ArrayVector slices{array->Slice(0, 1), array->Slice(1)};
    inputs_.Add("t", arrow::Table::Make(
                         schema, {std::make_shared<arrow::ChunkedArray>(slices, array->type())}));
    auto table = Run(query);
    EXPECT_TRUE(table.ok()) << array->type()->ToString() << ": " << table.status().ToString();
    return table.ok() ? (*table)->column(0) : nullptr;
  }

  static std::shared_ptr<arrow::Array> FromJson(const std::shared_ptr<arrow::DataType>& type,
                                                const std::string& json) {
    return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
  }

  void ExpectSame(const std::shared_ptr<arrow::DataType>& type, const std::string& json,
                  const std::shared_ptr<arrow::DataType>& result_type = nullptr) {
    SCOPED_TRACE(type->ToString());
    auto result = Through(FromJson(type, json));
    ASSERT_NE(result, nullptr);
    auto expected =
        std::make_shared<arrow::ChunkedArray>(FromJson(result_type ? result_type : type, json));
    EXPECT_TRUE(result->Equals(*expected))
        << result->type()->ToString() << " " << result->ToString();
  }
};

TEST_F(TypesTest, ThatComeBackAsTheyAre) {
  using namespace arrow;  // NOLINT: nothing but names of types
  ExpectSame(boolean(), "[true, null, false, true]");
  ExpectSame(int8(), "[-128, null, 127]");
  ExpectSame(int16(), "[-32768, null, 32767]");
  ExpectSame(int32(), "[-2147483648, null, 2147483647]");
  ExpectSame(int64(), "[-9223372036854775808, null, 9223372036854775807]");
  ExpectSame(uint8(), "[0, null, 255]");
  ExpectSame(uint16(), "[0, null, 65535]");
  ExpectSame(uint32(), "[0, null, 4294967295]");
  ExpectSame(uint64(), "[0, null, 18446744073709551615]");
  ExpectSame(float32(), "[1.5, null, -0.25]");
  ExpectSame(float64(), "[1.5, null, -0.25]");
  ExpectSame(utf8(), R"(["", null, "a text longer than twelve bytes", "ä"])");
  ExpectSame(binary(), R"(["", null, "bytes that are no text"])");
  ExpectSame(date32(), "[0, null, 20000]");
  ExpectSame(time64(TimeUnit::MICRO), "[0, null, 86399999999]");
  ExpectSame(timestamp(TimeUnit::SECOND), "[0, null, 1790000000]");
  ExpectSame(timestamp(TimeUnit::MILLI), "[0, null, 1790000000123]");
  ExpectSame(timestamp(TimeUnit::MICRO), "[0, null, 1790000000123456]");
  ExpectSame(timestamp(TimeUnit::NANO), "[0, null, 1790000000123456789]");
  ExpectSame(timestamp(TimeUnit::MICRO, "UTC"), "[0, null, 1790000000123456]");
  ExpectSame(month_day_nano_interval(), "[[1, 2, 3000], null, [0, 0, 0]]");
  ExpectSame(decimal128(4, 2), R"(["12.34", null, "-0.01"])");
  ExpectSame(decimal128(9, 0), R"(["123456789", null, "-1"])");
  ExpectSame(decimal128(18, 6), R"(["123456789012.345678", null, "0.000001"])");
  ExpectSame(decimal128(38, 10),
             R"(["1234567890123456789012345678.0123456789", null, "-1.0000000000"])");
}

TEST_F(TypesTest, ThatComeBackInAnotherForm) {
  using namespace arrow;  // NOLINT: nothing but names of types
  ExpectSame(utf8_view(), R"(["", null, "a text longer than twelve bytes", "ä"])", utf8());
  ExpectSame(large_utf8(), R"(["x", null, "a text longer than twelve bytes"])", utf8());
  ExpectSame(binary_view(), R"(["x", null, "bytes that are no text"])", binary());
  ExpectSame(large_binary(), R"(["x", null, "bytes that are no text"])", binary());
  ExpectSame(fixed_size_binary(3), R"(["abc", null, "def"])", binary());
  EXPECT_EQ(Through(FromJson(date64(), "[0, null, 86400000]"))->ToString(),
            ChunkedArray(FromJson(date32(), "[0, null, 1]")).ToString());
  EXPECT_EQ(Through(FromJson(time32(TimeUnit::SECOND), "[0, null, 60]"))->ToString(),
            ChunkedArray(FromJson(time64(TimeUnit::MICRO), "[0, null, 60000000]")).ToString());
  ExpectSame(decimal32(4, 2), R"(["12.34", null, "-0.01"])", decimal128(4, 2));
  ExpectSame(decimal64(12, 2), R"(["1234567890.12", null, "-0.01"])", decimal128(12, 2));
  ExpectSame(timestamp(TimeUnit::MICRO, "Europe/Prague"), "[0, null, 1790000000123456]",
             timestamp(TimeUnit::MICRO, "UTC"));
  ExpectSame(dictionary(int8(), utf8()), R"(["a", null, "b", "a"])", utf8());
  ExpectSame(null(), "[null, null]", int32());
}

TEST_F(TypesTest, Nested) {
  using namespace arrow;  // NOLINT: nothing but names of types
  auto as_text = [&](const std::shared_ptr<DataType>& type, const std::string& json) {
    auto result = Through(FromJson(type, json), "SELECT x::VARCHAR FROM t");
    std::string text;
    if (result == nullptr) return text;
    for (int64_t i = 0; i < result->length(); ++i) {
      text += result->GetScalar(i).ValueOrDie()->ToString() + "|";
    }
    return text;
  };
  EXPECT_EQ(as_text(list(int32()), "[[1, 2], null, [], [3]]"), "[1, 2]|null|[]|[3]|");
  EXPECT_EQ(as_text(large_list(utf8()), R"([["a"], null, ["b", null]])"), "[a]|null|[b, NULL]|");
  EXPECT_EQ(as_text(list_view(int32()), "[[1, 2], null, [3]]"), "[1, 2]|null|[3]|");
  EXPECT_EQ(as_text(fixed_size_list(int32(), 2), "[[1, 2], null, [3, 4]]"), "[1, 2]|null|[3, 4]|");
  EXPECT_EQ(as_text(struct_({field("a", int32()), field("b", utf8())}),
                    R"([{"a": 1, "b": "x"}, null, {"a": null, "b": "y"}])"),
            "{'a': 1, 'b': x}|null|{'a': NULL, 'b': y}|");
  EXPECT_EQ(as_text(map(utf8(), int32()), R"([[["k", 1]], null, []])"), "{k=1}|null|{}|");
  EXPECT_EQ(as_text(list(struct_({field("a", list(utf8_view()))})),
                    R"([[{"a": ["a text longer than twelve bytes"]}], null, [{"a": null}]])"),
            "[{'a': [a text longer than twelve bytes]}]|null|[{'a': NULL}]|");
}

// DuckDB's own reading loses the nulls of a dictionary inside a list.
TEST_F(TypesTest, EncodedInsideOthers) {
  using namespace arrow;  // NOLINT: nothing but names of types
  const auto words = dictionary(int16(), utf8());
  auto as_text = [&](const std::shared_ptr<Array>& array) {
    auto result = Through(array, "SELECT string_agg(coalesce(x::VARCHAR, '-'), '|') FROM t");
    return result == nullptr ? "" : result->GetScalar(0).ValueOrDie()->ToString();
  };
  EXPECT_EQ(as_text(FromJson(struct_({field("w", words)}),
                             R"([{"w": "a"}, {"w": null}, null, {"w": "b"}, {"w": "a"}])")),
            "{'w': a}|{'w': NULL}|-|{'w': b}|{'w': a}");
  EXPECT_EQ(as_text(FromJson(list(words), R"([["a"], ["b", null, "a"], null, [null], ["b"]])")),
            "[a]|[b, NULL, a]|-|[NULL]|[b]");
  EXPECT_EQ(as_text(FromJson(large_list(struct_({field("w", words)})),
                             R"([[{"w": "a"}], [{"w": "b"}, null], [{"w": null}]])")),
            "[{'w': a}]|[{'w': b}, NULL]|[{'w': NULL}]");
  EXPECT_EQ(
      as_text(FromJson(map(utf8(), words), R"([[["k", "a"], ["l", null]], null, [["m", "b"]]])")),
      "{k=a, l=NULL}|-|{m=b}");
  EXPECT_EQ(as_text(FromJson(fixed_size_list(words, 2), R"([["a", null], null, ["b", "a"]])")),
            "[a, NULL]|-|[b, a]");
}

TEST_F(TypesTest, RunEndEncoded) {
  auto ends = FromJson(arrow::int32(), "[2, 3, 5, 9]");
  auto values = FromJson(arrow::utf8(), R"(["a", null, "b", "c"])");
  auto array = arrow::RunEndEncodedArray::Make(9, ends, values).ValueOrDie();
  EXPECT_EQ(Through(array, "SELECT string_agg(coalesce(x, '-'), '') FROM t")
                ->GetScalar(0)
                .ValueOrDie()
                ->ToString(),
            "aa-bbcccc");
  auto nested = arrow::StructArray::Make({array}, std::vector<std::string>{"r"}).ValueOrDie();
  inputs_.Add("n", arrow::Table::Make(arrow::schema({arrow::field("x", nested->type())}),
                                      arrow::ArrayVector{nested}));
  EXPECT_EQ(CodeName(Run("SELECT * FROM n").status()), "BAD_ARGUMENT");
}

// Each batch with a dictionary of its own, at the same index different values.
TEST_F(TypesTest, DictionariesThatChangeBetweenBatches) {
  const auto type = arrow::dictionary(arrow::int32(), arrow::utf8());
  arrow::ArrayVector chunks;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string a = "a" + std::to_string(i);
    const std::string b = "b" + std::to_string(i);
    auto values = FromJson(arrow::utf8(), "[\"" + a + "\", \"" + b + "\"]");
    auto indices = FromJson(arrow::int32(), "[1, null, 0]");
    chunks.push_back(arrow::DictionaryArray::FromArrays(type, indices, values).ValueOrDie());
    expected += b + "-" + a;
  }
  inputs_.Add("t", arrow::Table::Make(arrow::schema({arrow::field("x", type)}),
                                      {std::make_shared<arrow::ChunkedArray>(chunks, type)}));
  EXPECT_EQ(Scalar("SELECT string_agg(coalesce(x, '-'), '') FROM t"), expected);
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE x IS NULL"), "200");
}

TEST_F(TypesTest, LargeDictionaryColumnInManyParts) {
  arrow::StringDictionaryBuilder builder;
  for (int i = 0; i < 300000; ++i) {
    ASSERT_TRUE(i % 10 == 9 ? builder.AppendNull().ok()
                            : builder.Append("value " + std::to_string(i % 1000)).ok());
  }
  auto array = builder.Finish().ValueOrDie();
  inputs_.Add("t", arrow::Table::Make(arrow::schema({arrow::field("x", array->type())}),
                                      arrow::ArrayVector{array}));
  EXPECT_EQ(Scalar("SELECT count(DISTINCT x) FROM t"), "900");
  EXPECT_EQ(Scalar("SELECT count(x) FROM t"), "270000");
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE x = 'value 998'"), "300");
}

TEST_F(TypesTest, ThatSqlCannotRead) {
  using namespace arrow;  // NOLINT: nothing but names of types
  const std::shared_ptr<DataType> types[] = {
      float16(),
      decimal256(40, 2),
      decimal128(5, -2),
      list(float16()),
      struct_({}),
      struct_({field("a", decimal256(50, 0))}),
      dense_union({field("a", int32())}),
      dictionary(int8(), decimal256(50, 0)),
      fixed_size_list(int32(), 0),
  };
  for (const auto& type : types) {
    SCOPED_TRACE(type->ToString());
    auto empty = MakeEmptyArray(type).ValueOrDie();
    inputs_.Add("t", Table::Make(arrow::schema({field("good", int32()), field("bad one", type)}),
                                 ArrayVector{MakeEmptyArray(int32()).ValueOrDie(), empty}));
    const Status status = Run("SELECT * FROM t").status();
    EXPECT_EQ(CodeName(status), "BAD_ARGUMENT") << status.ToString();
    EXPECT_NE(status.message().find("'bad one'"), std::string::npos) << status.message();
    EXPECT_EQ(CodeName(Schema("SELECT * FROM t").status()), "BAD_ARGUMENT");
  }
}

// Metadata comes from whoever stored the flight; it must not choose DuckDB's way with the bytes.
TEST_F(TypesTest, ExtensionNamesInMetadataAreIgnored) {
  for (const char* name :
       {"arrow.uuid", "arrow.json", "arrow.bool8", "duckdb.hugeint", "arrow.opaque", "nonsense"}) {
    auto metadata = arrow::key_value_metadata({"ARROW:extension:name", "ARROW:extension:metadata"},
                                              {name, "{\"type_name\": \"hugeint\"}"});
    auto schema = arrow::schema({arrow::field("x", arrow::utf8(), true, metadata)});
    inputs_.Add("t", arrow::Table::Make(
                         schema, arrow::ArrayVector{FromJson(arrow::utf8(), R"(["a", null])")}));
    EXPECT_EQ(Scalar("SELECT string_agg(x, '') FROM t"), "a") << name;
  }
}

TEST_F(TypesTest, ResultsUseStandardTypes) {
  auto type_of = [&](const std::string& expression) {
    auto table = Run("SELECT " + expression + " AS x");
    return table.ok() ? (*table)->schema()->field(0)->type()->ToString()
                      : table.status().ToString();
  };
  EXPECT_EQ(type_of("'a'"), "string");
  EXPECT_EQ(type_of("1::HUGEINT"), "decimal128(38, 0)");
  EXPECT_EQ(type_of("'00000000-0000-0000-0000-000000000001'::UUID"), "string");
  EXPECT_EQ(type_of("'{}'::JSON"), "string");
  EXPECT_EQ(type_of("now()"), "timestamp[us, tz=UTC]");
  EXPECT_EQ(type_of("1.5"), "decimal128(2, 1)");
  EXPECT_EQ(type_of("'x'::BLOB"), "binary");
  EXPECT_EQ(type_of("TIME '10:00:00'"), "time64[us]");
  EXPECT_EQ(type_of("'a'::ENUM('a', 'b')"), "dictionary<values=string, indices=uint8, ordered=0>");
}

}  // namespace
}  // namespace longbow::sql
