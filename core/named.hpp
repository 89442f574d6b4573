// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace pagewire::core {

/// Names of an enum's values, as plans, documents and messages write them.
template<typename T, std::size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;

/// Empty for a value without a name.
template<typename T, std::size_t N>
[[nodiscard]] constexpr std::string_view name_of(const Names<T, N>& names, T value)
{
    for (const auto& [name, known] : names) {
        if (known == value)
            return name;
    }
    return {};
}

} // namespace pagewire::core
