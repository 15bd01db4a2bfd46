/// \file
/// Reads Prometheus' text format, strictly, for tests: what this takes, Prometheus takes.
#pragma once

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/metrics.h>

namespace longbow::telemetry {

/// A parsed scrape. Everything that is wrong with the text is a failure of the running test.
class Exposition {
 public:
  struct Family {
    std::string name;
    std::string help;  // not escaped
    std::string type;
  };
  struct Sample {
    std::string name;
    MetricLabels labels;
    double value = 0;
  };

  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.ends_with('\n')) << "the last line has no end";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# HELP ")) {
        ReadHelp(line.substr(7));
      } else if (line.starts_with("# TYPE ")) {
        ReadType(line.substr(7));
      } else {
        ReadSample(line);
      }
    }
  }

  const std::vector<Family>& families() const { return families_; }
  const std::vector<Sample>& samples() const { return samples_; }

  std::optional<double> value(const std::string& name, const MetricLabels& labels = {}) const {
    for (const Sample& sample : samples_) {
      if (sample.name == name && sample.labels == labels) return sample.value;
    }
    return std::nullopt;
  }
  bool HasName(const std::string& name) const {
    for (const Sample& sample : samples_) {
      if (sample.name == name) return true;
    }
    return false;
  }
  const Family* family(const std::string& name) const {
    for (const Family& family : families_) {
      if (family.name == name) return &family;
    }
    return nullptr;
  }

 private:
  void ReadHelp(const std::string& rest) {
    const size_t space = rest.find(' ');
    families_.push_back({rest.substr(0, space), Unescape(rest.substr(space + 1)), ""});
    for (size_t i = 0; i + 1 < families_.size(); ++i) {
      EXPECT_NE(families_[i].name, families_.back().name) << "two HELP lines";
    }
  }

  void ReadType(const std::string& rest) {
    const size_t space = rest.find(' ');
    const std::string name = rest.substr(0, space);
    if (families_.empty() || families_.back().name != name) {
      for (const Family& family : families_) EXPECT_NE(family.name, name) << "two TYPE lines";
      families_.push_back({name, "", ""});
    }
    EXPECT_EQ(families_.back().type, "") << "two TYPE lines for " << name;
    families_.back().type = rest.substr(space + 1);
  }

  void ReadSample(const std::string& line) {
    Sample sample;
    size_t i = line.find_first_of("{ ");
    ASSERT_NE(i, std::string::npos) << line;
    sample.name = line.substr(0, i);
    if (line[i] == '{') ReadLabels(line, &i, &sample.labels);
    ASSERT_LT(i, line.size()) << line;
    ASSERT_EQ(line[i], ' ') << line;
    size_t used = 0;
    const std::string value = line.substr(i + 1);
    sample.value = std::stod(value, &used);
    EXPECT_EQ(used, value.size()) << line;
    ASSERT_FALSE(families_.empty()) << line;
    EXPECT_TRUE(BelongsTo(sample.name, families_.back())) << line;
    EXPECT_FALSE(this->value(sample.name, sample.labels)) << "twice: " << line;
    samples_.push_back(std::move(sample));
  }

  static void ReadLabels(const std::string& line, size_t* i, MetricLabels* labels) {
    while (line[*i] != '}') {
      const size_t begin = ++*i;
      *i = line.find("=\"", begin);
      ASSERT_NE(*i, std::string::npos) << line;
      const std::string name = line.substr(begin, *i - begin);
      std::string value;
      for (*i += 2; *i < line.size() && line[*i] != '"'; ++*i) {
        value += line[*i];
        if (line[*i] == '\\') value += line[++*i];
      }
      ASSERT_LT(*i + 1, line.size()) << line;
      ++*i;
      EXPECT_TRUE(labels->emplace(name, Unescape(value)).second) << line;
      ASSERT_TRUE(line[*i] == ',' || line[*i] == '}') << line;
    }
    ++*i;
  }

  static std::string Unescape(std::string_view text) {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        result += text[i];
        continue;
      }
      const char next = i + 1 < text.size() ? text[++i] : '?';
      EXPECT_TRUE(next == 'n' || next == '\\' || next == '"') << text;
      result += next == 'n' ? '\n' : next;
    }
    return result;
  }

  static bool BelongsTo(const std::string& name, const Family& family) {
    if (family.type != "histogram") return name == family.name;
    return name == family.name + "_bucket" || name == family.name + "_sum" ||
           name == family.name + "_count";
  }

  std::vector<Family> families_;
  std::vector<Sample> samples_;
};

}  // namespace longbow::telemetry
