// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pagewire::kernelpath {

/// Which buffers the kernel still sends from: the bookkeeping of MSG_ZEROCOPY
/// (Documentation/networking/msg_zerocopy.rst). Each send(2) that took bytes has a number, from 0
/// on, of 32 bits that wrap. A completion is a range of numbers, and completions come in any order.
/// A buffer may be written to again when every send from it is complete, and not before.
class ZerocopySends {
  public:
    /// Room for `num_sends_max` sends that are not complete: a power of two. Buffers are numbered
    /// from 0 to `num_buffers` - 1. `first` is the number of the first send.
    ZerocopySends(std::size_t num_buffers, std::size_t num_sends_max, std::uint32_t first = 0);

    [[nodiscard]] bool has_room() const noexcept;

    /// A send took bytes from this buffer. Needs has_room().
    void sent(std::size_t buffer) noexcept;

    /// The kernel says that the sends `first` to `last`, both included, are complete. False where
    /// it names one that is not under way: then nothing has changed.
    [[nodiscard]] bool complete(std::uint32_t first, std::uint32_t last) noexcept;

    [[nodiscard]] bool is_in_use(std::size_t buffer) const noexcept
    {
        return num_sends_of_[buffer] > 0;
    }

    [[nodiscard]] std::uint64_t num_under_way() const noexcept { return num_under_way_; }

  private:
    static constexpr std::size_t kNone = SIZE_MAX;

    [[nodiscard]] std::size_t& buffer_of(std::uint32_t send) noexcept
    {
        return buffer_of_[send & (buffer_of_.size() - 1)];
    }

    std::vector<std::size_t> buffer_of_; // by the send's number, modulo the room; kNone: complete
    std::vector<std::uint32_t> num_sends_of_; // by buffer, under way
    std::uint64_t num_under_way_ = 0;
    std::uint32_t next_;
};

} // namespace pagewire::kernelpath
