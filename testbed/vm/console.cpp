// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/console.hpp"

namespace pagewire::testbed::vm {

namespace {

constexpr std::string_view kPanic = "Kernel panic - not syncing";

/// A guest that writes without end and without lines is kept in bounds.
constexpr std::size_t kLineBytesMax = 4096;

} // namespace

void ConsoleTail::append(std::string_view text)
{
    for (const char c : text) {
        if (c == '\n' || open_.size() == kLineBytesMax)
            end_line();
        // Control characters would move a terminal's cursor.
        if (static_cast<unsigned char>(c) >= ' ' || c == '\t')
            open_ += c;
    }
}

void ConsoleTail::end_line()
{
    if (const auto at = open_.find(kPanic); at != std::string::npos && panic_.empty())
        panic_ = open_.substr(at);
    lines_.push_back(std::move(open_));
    open_.clear();
    if (lines_.size() > kNumLines)
        lines_.pop_front();
}

std::vector<std::string> ConsoleTail::lines() const
{
    std::vector<std::string> all(lines_.begin(), lines_.end());
    if (!open_.empty())
        all.push_back(open_);
    if (all.size() > kNumLines)
        all.erase(all.begin());
    return all;
}

} // namespace pagewire::testbed::vm
