// What SQL may not reach, tried: each query is refused, by its schema and by running it.
#include <fstream>

#include "sql_fixture.h"

namespace longbow::sql {
namespace {

class LockdownTest : public SqlFixture {
 protected:
  void SetUp() override {
    SqlFixture::SetUp();
    inputs_.Add("t", Numbers(10));
  }
};

struct RefusedQuery {
  const char* query;
  const char* code = "PERMISSION_DENIED";
};

constexpr RefusedQuery kRefused[] = {
    // Files and addresses.
    {"SELECT * FROM read_csv('/etc/passwd')"},
    {"SELECT * FROM read_csv_auto(['/etc/passwd'])"},
    {"SELECT * FROM read_text('/etc/passwd')"},
    {"SELECT * FROM read_blob('/etc/passwd')"},
    {"SELECT * FROM read_parquet('x.parquet')"},
    {"SELECT * FROM parquet_scan('x.parquet')"},
    {"SELECT * FROM parquet_metadata('x.parquet')"},
    {"SELECT * FROM read_json('x.json')"},
    {"SELECT * FROM read_json_objects('x.json')"},
    {"SELECT * FROM read_duckdb('x.db')"},
    {"SELECT * FROM sniff_csv('/etc/passwd')"},
    {"SELECT * FROM glob('/etc/*')"},
    {"SELECT * FROM '/etc/passwd'"},
    {"SELECT * FROM 'https://example.com/x.csv'"},
    {"SELECT * FROM \"x.csv\""},
    {"FROM '/etc/passwd'"},
    {"TABLE '/etc/passwd'"},
    {"DESCRIBE '/etc/passwd'"},
    {"SUMMARIZE '/etc/passwd'"},
    {"SELECT (SELECT content FROM read_text('/etc/hostname'))"},
    {"WITH x AS (SELECT * FROM read_text('/etc/hostname')) SELECT * FROM x"},
    {"SELECT * FROM t WHERE name IN (SELECT content FROM read_text('/etc/hostname'))"},
    {"EXPLAIN SELECT * FROM read_text('/etc/hostname')"},
    // Statements that do something.
    {"COPY t TO '/tmp/longbow_leak.csv'"},
    {"COPY (SELECT 1) TO '/tmp/longbow_leak.parquet' (FORMAT parquet)"},
    {"EXPLAIN ANALYZE COPY t TO '/tmp/longbow_leak.csv'"},
    {"EXPORT DATABASE '/tmp/longbow_leak'"},
    {"IMPORT DATABASE '/tmp/longbow_leak'"},
    {"ATTACH '/tmp/longbow_leak.db'"},
    {"DETACH memory"},
    {"INSTALL httpfs"},
    {"LOAD httpfs"},
    {"SET memory_limit = '100GB'"},
    {"SET GLOBAL enable_external_access = true"},
    {"SET VARIABLE x = 1"},
    {"RESET memory_limit"},
    {"PRAGMA database_list"},
    {"PRAGMA version"},
    {"CALL pragma_version()"},
    {"USE memory"},
    {"CREATE TABLE x AS SELECT 1"},
    {"CREATE TEMP TABLE x AS SELECT 1"},
    {"CREATE VIEW v AS SELECT 1"},
    {"CREATE MACRO m() AS 1"},
    {"CREATE SECRET s (TYPE s3)"},
    {"INSERT INTO t VALUES (1, 2, 'x')"},
    {"UPDATE t SET id = 1"},
    {"DELETE FROM t"},
    {"MERGE INTO t USING t s ON t.id = s.id WHEN MATCHED THEN DELETE"},
    {"DROP TABLE t"},
    {"ALTER TABLE t ADD COLUMN z INT"},
    {"BEGIN TRANSACTION"},
    {"PREPARE p AS SELECT 1"},
    {"EXECUTE p"},
    {"CHECKPOINT"},
    {"VACUUM"},
    {"SELECT 1; DROP TABLE t"},
    // What tells about the machine, the instance, or earlier queries.
    {"SELECT current_setting('temp_directory')"},
    {"SELECT getenv('PATH')"},
    {"SELECT * FROM duckdb_settings()"},
    {"SELECT * FROM duckdb_settings"},
    {"SELECT * FROM duckdb_secrets()"},
    {"SELECT * FROM duckdb_functions()"},
    {"SELECT * FROM duckdb_memory()"},
    {"SELECT * FROM duckdb_logs"},
    {"SELECT * FROM duckdb_temporary_files()"},
    {"SELECT * FROM pragma_database_size()"},
    {"SELECT * FROM sqlite_master"},
    {"SELECT * FROM pg_catalog.pg_tables"},
    {"SELECT * FROM information_schema.tables", "BAD_ARGUMENT"},
    {"SELECT * FROM memory.main.t", "BAD_ARGUMENT"},
    {"SELECT txid_current()"},
    {"SHOW TABLES"},
    {"SHOW DATABASES"},
    {"SELECT write_log('x')"},
    // Ways around the checks.
    {"SELECT * FROM query('SELECT * FROM read_csv(''/etc/passwd'')')"},
    {"SELECT * FROM query_table('/etc/passwd')"},
    {"SELECT * FROM arrow_scan(1::UBIGINT::POINTER, 2, 3)"},
    {"SELECT * FROM arrow_scan_dumb(1::UBIGINT::POINTER, 2, 3)"},
    {"SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))"},
    {"SELECT json_serialize_plan('SELECT 1')"},
    {"SELECT * FROM range(length(current_setting('temp_directory')))"},
    {"SELECT pg_sleep(100)"},
    {"SELECT * FROM longbow_input('u')", "BAD_ARGUMENT"},
    {"SELECT * FROM longbow_input(NULL)", "BAD_ARGUMENT"},
};

TEST_F(LockdownTest, RefusesWhatReachesBeyondTheInputs) {
  for (const auto& [query, code] : kRefused) {
    SCOPED_TRACE(query);
    const arrow::Status by_schema = Schema(query).status();
    EXPECT_EQ(CodeName(by_schema), code) << by_schema.ToString();
    const arrow::Status by_running = Run(query).status();
    EXPECT_EQ(CodeName(by_running), code) << by_running.ToString();
    EXPECT_EQ(by_running.ToString().find(spill_parent_.string()), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/longbow_leak.csv"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/longbow_leak.db"));
}

TEST_F(LockdownTest, NothingStaysInAnInstance) {
  // All on the one instance that the engine keeps.
  MakeService({.max_idle_instances = 1});
  for (const auto& refused : kRefused) (void)Run(refused.query);
  EXPECT_EQ(Scalar("SELECT count(*) FROM t"), "10");
  inputs_.Add("x", Numbers(3));
  EXPECT_EQ(Scalar("SELECT count(*) FROM x"), "3") << "no table x was made";
  EXPECT_EQ(engine_->idle(), 1);
}

TEST_F(LockdownTest, NamesOfSystemTablesAreFreeForInputs) {
  for (const char* name : {"duckdb_tables", "sqlite_master", "pg_class", "tables", "pg_tables"}) {
    inputs_.Add(name, Numbers(7));
    EXPECT_EQ(Scalar(std::string("SELECT count(*) FROM ") + name), "7") << name;
  }
}

TEST_F(LockdownTest, AllowsWhatReads) {
  for (const char* query :
       {"TABLE t",
        "FROM t",
        "VALUES (1), (2)",
        "DESCRIBE t",
        "SUMMARIZE t",
        "DESCRIBE SELECT id FROM t",
        "EXPLAIN SELECT * FROM t",
        "EXPLAIN ANALYZE SELECT * FROM t",
        "(SELECT 1)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT * FROM range(3)",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT unnest([1, 2])",
        "SELECT * FROM json_each('[1, 2]')",
        "PIVOT t ON id IN (1, 2) USING sum(half)",
        "UNPIVOT (SELECT id, half FROM t) ON id, half",
        "SELECT now()",
        "SELECT 'a' COLLATE de",
        "SELECT uuid()",
        "SELECT * FROM t USING SAMPLE 2",
        "SELECT 1 -- a comment",
        "SELECT 1;",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) "
        "SELECT n FROM r"}) {
    auto table = Run(query);
    ASSERT_TRUE(table.ok()) << query << ": " << table.status().ToString();
    auto schema = Schema(query);
    ASSERT_TRUE(schema.ok()) << query << ": " << schema.status().ToString();
    EXPECT_TRUE((*schema)->Equals(*(*table)->schema())) << query;
    EXPECT_GT((*table)->num_rows(), 0) << query;
  }
}

TEST_F(LockdownTest, OneStatementOnly) {
  EXPECT_EQ(CodeName(Run("SELECT 1; SELECT 2").status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("").status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run(" ;; -- nothing").status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("PIVOT t ON id").status()), "BAD_ARGUMENT");
}

// Each of these ended the process, or kept a thread for minutes, in DuckDB as it is.
TEST_F(LockdownTest, SurvivesWhatRecurses) {
  auto repeat = [](const std::string& text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) result += text;
    return result;
  };
  const std::string queries[] = {
      "SELECT " + repeat("(", 100000) + "1" + repeat(")", 100000),
      "SELECT 1" + repeat("+1", 100000),
      "SELECT " + repeat("abs(", 900) + "1" + repeat(")", 900),
      "SELECT id" + repeat(".b", 200000) + " FROM t",
      "SELECT * FROM a" + repeat(".b", 200000),
      "SELECT id" + repeat("[1]", 10000) + " FROM t",
      "SELECT " + repeat("[", 900) + repeat("]", 900),
      repeat("SELECT * FROM (", 900) + "SELECT 1" + repeat(")", 900),
      "SELECT 1" + repeat(" INTERSECT SELECT 1", 5000),
      "SELECT * FROM t" + repeat(" NATURAL JOIN t", 5000),
      "SELECT NULL::INT" + repeat("[]", 900),
      "SELECT x ILIKE y FROM (SELECT repeat('a', 2000000) x, repeat('%a', 1000000) y)",
      "SELECT x LIKE y FROM (SELECT repeat('a', 2000000) x, repeat('%a', 1000000) y FROM range(2))",
      "SELECT x LIKE y ESCAPE '$' FROM (SELECT repeat('a', 2000000) x, repeat('%a', 1000000) y)",
      "SELECT x GLOB y FROM (SELECT repeat('a', 2000000) x, repeat('*a', 1000000) y)",
      "SELECT json_structure((repeat('[', 1000000) || repeat(']', 1000000))::JSON)",
      "SELECT json_contains((repeat('[', 1000000) || repeat(']', 1000000))::JSON, '1')",
      "SELECT (repeat('[', 1000000) || repeat(']', 1000000))::JSON::VARIANT IS NULL",
      "SELECT {'a': (repeat('[', 1000000) || repeat(']', 1000000))::JSON}::VARIANT IS NULL",
      "SELECT variant_typeof((repeat('[', 1000000) || repeat(']', 1000000))::JSON)",
      "SELECT make_type(repeat('STRUCT(a ', 100000))",
  };
  for (const std::string& query : queries) {
    SCOPED_TRACE(query.substr(0, 60));
    const arrow::Status status = Run(query).status();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.ToString().find("SET max_expression_depth"), std::string::npos);
  }
  EXPECT_EQ(Scalar("SELECT count(*) FROM t"), "10");
}

TEST_F(LockdownTest, GuardsLeaveOrdinaryUseAlone) {
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE name LIKE '%number 3'"), "1");
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE name NOT ILIKE '%NUMBER 3'"), "9");
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE name GLOB '*3'"), "1");
  EXPECT_EQ(Scalar("SELECT json_contains('{\"a\": [1, 2]}', '2')"), "true");
  EXPECT_EQ(Scalar("SELECT json_structure('{\"a\": [1]}')::VARCHAR"), "{\"a\":[\"UBIGINT\"]}");
  std::string numbers = "SELECT [0.5";
  for (int i = 0; i < 500; ++i) numbers += ", .5";
  EXPECT_EQ(Scalar("SELECT len(l) FROM (" + numbers + "] l)"), "501");
}

TEST_F(LockdownTest, RefusesTextThatIsTooLong) {
  MakeService({.max_query_bytes = 1000});
  EXPECT_EQ(CodeName(Run("SELECT '" + std::string(1000, 'x') + "'").status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("SELECT '" + std::string(900, 'x') + "'").status()), "OK");
}

}  // namespace
}  // namespace longbow::sql
