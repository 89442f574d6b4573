// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pagewire::testbed::report {

/// Lines of comma-separated values (RFC 4180, but for the line ends).
class CsvWriter {
  public:
    CsvWriter& text(std::string_view value);
    /// Empty where there is none.
    CsvWriter& number(const std::optional<double>& value);
    void end_line();

    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    void separate();

    std::string text_;
    bool begins_line_ = true;
};

} // namespace pagewire::testbed::report
