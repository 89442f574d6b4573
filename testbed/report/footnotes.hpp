// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace pagewire::testbed::report {

/// Notes that many rows share stand once, below the table.
class Footnotes {
  public:
    /// " 1,3": where these notes stand.
    std::string refer(const std::vector<std::string>& notes)
    {
        std::vector<std::size_t> numbers;
        for (const std::string& note : notes) {
            auto it = std::find(notes_.begin(), notes_.end(), note);
            if (it == notes_.end())
                it = notes_.insert(it, note);
            numbers.push_back(static_cast<std::size_t>(it - notes_.begin()) + 1);
        }
        std::sort(numbers.begin(), numbers.end());
        return numbers.empty() ? "" : fmt::format(" {}", fmt::join(numbers, ","));
    }

    /// In the order of their numbers, from 1.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  private:
    std::vector<std::string> notes_;
};

} // namespace pagewire::testbed::report
