// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/xsk_rx_path.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pagewire::dataplane {

XskRxPath::XskRxPath(const Layout& layout)
    : rx_(layout.rx),
      fill_(layout.fill),
      umem_(layout.umem),
      chunk_bytes_(layout.chunk_bytes),
      with_kernel_(layout.umem.size() / layout.chunk_bytes, true)
{
    std::uint32_t index = 0;
    const auto num_frames = static_cast<std::uint32_t>(with_kernel_.size());
    if (!fill_.reserve(num_frames, index))
        throw core::UsageError(fmt::format("a fill ring of {} entries has no room for {} frames",
                                           layout.fill.size, num_frames));
    for (std::uint32_t frame = 0; frame < num_frames; ++frame)
        fill_.entry(index + frame) = frame * chunk_bytes_;
    fill_.submit();
}

void XskRxPath::accept(const xdp_desc& descriptor) noexcept
{
    if (num_held_ == kPiecesMax) { // too long: what was held goes back at once
        give_back();
        spoilt_ = true;
    }
    const std::uint64_t frame = descriptor.addr / chunk_bytes_;
    if (frame >= with_kernel_.size() || !with_kernel_[frame]) {
        spoilt_ = true; // no frame of the kernel's: nothing that could be given back
        return;
    }
    with_kernel_[frame] = false;
    held_[num_held_++] = frame;
    const std::uint64_t room = chunk_bytes_ - descriptor.addr % chunk_bytes_;
    if (descriptor.len == 0 || descriptor.len > room)
        spoilt_ = true;
    if (!spoilt_)
        pieces_[num_pieces_++] = umem_.subspan(descriptor.addr, descriptor.len);
}

void XskRxPath::give_back() noexcept
{
    for (const std::uint64_t frame : std::span(held_).first(num_held_)) {
        std::uint32_t index = 0;
        if (!fill_.reserve(1, index))
            continue; // it has room for every frame, and each is in it once at most
        fill_.entry(index) = frame * chunk_bytes_;
        with_kernel_[frame] = true;
    }
    num_held_ = 0;
    num_pieces_ = 0;
}

std::uint32_t XskRxPath::num_with_kernel() const noexcept
{
    return static_cast<std::uint32_t>(std::count(with_kernel_.begin(), with_kernel_.end(), true));
}

} // namespace pagewire::dataplane
