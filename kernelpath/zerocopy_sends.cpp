// SPDX-License-Identifier: BSD-3-Clause
#include "kernelpath/zerocopy_sends.hpp"

namespace pagewire::kernelpath {

ZerocopySends::ZerocopySends(std::size_t num_buffers, std::size_t num_sends_max,
                             std::uint32_t first)
    : buffer_of_(num_sends_max, kNone),
      num_sends_of_(num_buffers, 0),
      next_(first)
{}

bool ZerocopySends::has_room() const noexcept
{
    return buffer_of_[next_ & (buffer_of_.size() - 1)] == kNone;
}

void ZerocopySends::sent(std::size_t buffer) noexcept
{
    buffer_of(next_++) = buffer;
    ++num_sends_of_[buffer];
    ++num_under_way_;
}

bool ZerocopySends::complete(std::uint32_t first, std::uint32_t last) noexcept
{
    // Numbers wrap: distances do not. The oldest that may be under way is as far back as the room.
    const std::uint32_t from_first = next_ - first;
    const std::uint32_t from_last = next_ - last;
    if (from_last == 0 || from_first < from_last || from_first > buffer_of_.size())
        return false;
    for (std::uint32_t send = first; send != last + 1; ++send) {
        if (buffer_of(send) == kNone)
            return false;
    }
    for (std::uint32_t send = first; send != last + 1; ++send) {
        --num_sends_of_[buffer_of(send)];
        --num_under_way_;
        buffer_of(send) = kNone;
    }
    return true;
}

} // namespace pagewire::kernelpath
