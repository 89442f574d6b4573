// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <utility>

namespace pagewire::core {

/// Whether a thing can be used here: available, or the reason why not, in words for a person.
class Support {
  public:
    [[nodiscard]] static Support available() { return Support{}; }

    [[nodiscard]] static Support unavailable(std::string reason)
    {
        Support support;
        support.reason_ = std::move(reason);
        return support;
    }

    [[nodiscard]] explicit operator bool() const noexcept { return reason_.empty(); }

    /// Empty when available.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

  private:
    std::string reason_;
};

} // namespace pagewire::core
