// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <unistd.h>

#include <cstdlib>

namespace pagewire::cli {

/// Whether stdout is a terminal whose user has not asked for no colours (https://no-color.org: the
/// variable is set, and not empty).
[[nodiscard]] inline bool wants_colour()
{
    const char* no_color = std::getenv("NO_COLOR");
    return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
}

} // namespace pagewire::cli
