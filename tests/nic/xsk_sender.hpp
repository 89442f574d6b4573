// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "nic/link.hpp"
#include "nic/net_namespace.hpp"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pagewire::nic {

/// The least of an AF_XDP socket that sends frames from one queue in copy mode, and knows of no
/// engine (Documentation/networking/af_xdp.rst).
class XskSender {
  public:
    XskSender(const NetNamespace& netns, const std::string& interface, std::uint32_t queue)
    {
        const std::uint32_t index = link_facts(netns, interface).index;
        const NetNamespace::Visit visit(netns);
        fd_ = core::UniqueFd(
            core::checked(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), "socket", "AF_XDP"));
        xdp_umem_reg umem{};
        umem.addr = reinterpret_cast<std::uint64_t>(umem_.data());
        umem.len = umem_.size();
        umem.chunk_size = kChunkBytes;
        set(XDP_UMEM_REG, umem);
        for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_TX_RING})
            set(ring, kNumEntries);
        xdp_mmap_offsets offsets{};
        socklen_t length = sizeof(offsets);
        core::checked(::getsockopt(fd_.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length),
                      "getsockopt", "XDP_MMAP_OFFSETS");
        ring_bytes_ = offsets.tx.desc + kNumEntries * sizeof(xdp_desc);
        void* ring = ::mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                            fd_.get(), XDP_PGOFF_TX_RING);
        if (ring == MAP_FAILED)
            core::throw_errno("mmap", "TX ring");
        ring_ = static_cast<std::byte*>(ring);
        producer_ = reinterpret_cast<std::uint32_t*>(ring_ + offsets.tx.producer);
        descriptors_ = reinterpret_cast<xdp_desc*>(ring_ + offsets.tx.desc);
        sockaddr_xdp address{};
        address.sxdp_family = AF_XDP;
        address.sxdp_ifindex = index;
        address.sxdp_queue_id = queue;
        core::checked(
            ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "bind",
            interface);
    }

    XskSender(const XskSender&) = delete;
    XskSender& operator=(const XskSender&) = delete;

    ~XskSender() { ::munmap(ring_, ring_bytes_); }

    /// One frame, of which the kernel has a copy on return. At most kNumEntries in all.
    void send(std::span<const std::byte> frame)
    {
        std::byte* chunk = umem_.data() + num_sent_ * kChunkBytes;
        std::copy(frame.begin(), frame.end(), chunk);
        descriptors_[num_sent_] = {.addr = num_sent_ * kChunkBytes,
                                   .len = static_cast<std::uint32_t>(frame.size()),
                                   .options = 0};
        ++num_sent_;
        // Pairs with the kernel's acquire of the producer index: the descriptor is there before it.
        std::atomic_ref(*producer_).store(num_sent_, std::memory_order_release);
        core::checked(::sendto(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0), "sendto",
                      "AF_XDP");
    }

    static constexpr std::uint32_t kNumEntries = 8;

  private:
    static constexpr std::uint32_t kChunkBytes = 4096;

    template<typename Value>
    void set(int option, const Value& value)
    {
        core::checked(::setsockopt(fd_.get(), SOL_XDP, option, &value, sizeof(value)),
                      "setsockopt SOL_XDP", std::to_string(option));
    }

    alignas(kChunkBytes) std::array<std::byte, kNumEntries * kChunkBytes> umem_{};
    core::UniqueFd fd_;
    std::byte* ring_ = nullptr;
    std::size_t ring_bytes_ = 0;
    std::uint32_t* producer_ = nullptr;
    xdp_desc* descriptors_ = nullptr;
    std::uint32_t num_sent_ = 0;
};

} // namespace pagewire::nic
