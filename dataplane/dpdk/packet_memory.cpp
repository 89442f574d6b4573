// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/packet_memory.hpp"

#include "core/error.hpp"
#include "core/mapping.hpp"
#include "core/units.hpp"
#include "dataplane/dpdk/eal.hpp"
#include "dataplane/packet_header.hpp"
#include "dataplane/segmenter.hpp"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace pagewire::dataplane::dpdk {

void PacketMemory::Free::operator()(std::byte* memory) const noexcept
{
    // EAL clears what is freed, and the transfer may have protected it.
    (void)::mprotect(memory, size, PROT_READ | PROT_WRITE);
    rte_free(memory);
}

PacketMemory::PacketMemory(std::uint64_t region_bytes, std::uint32_t num_regions)
    : region_bytes_(core::round_down<std::uint64_t>(region_bytes, kChunkBytes))
{
    const std::size_t size = region_bytes_ * num_regions;
    Eal::clear_log();
    memory_ = {static_cast<std::byte*>(rte_malloc("packets", size, core::kHugePageBytes)),
               Free{size}};
    if (!memory_) {
        throw core::TransferError(
            fmt::format("DPDK has not {} of memory in one piece", core::format_bytes(size)));
    }
    bytes_ = {memory_.get(), size};
    explain_pages();
    iovas_.reserve(size / kChunkBytes);
    for (std::size_t addr = 0; addr < size; addr += kChunkBytes) {
        const rte_iova_t iova = rte_mem_virt2iova(bytes_.data() + addr);
        if (iova == RTE_BAD_IOVA)
            throw core::TransferError("DPDK does not know the device's addresses of its memory "
                                      "(rte_mem_virt2iova)");
        iovas_.push_back(iova);
    }
}

/// A disk's DMA into 4 KiB pages costs an entry for each: a fourth of its rate was measured
/// (docs/methods/dpdk.md).
void PacketMemory::explain_pages()
{
    if (Eal::has_hugepages()) {
        page_note_ = "EAL's, 2 MiB hugepages";
        return;
    }
    const std::size_t huge_bytes = core::collapse_to_huge_pages(bytes_);
    page_note_ =
        huge_bytes == 0
            ? "EAL's, 4 KiB pages (too few free 2 MiB hugepages)"
            : fmt::format("EAL's, {} of {} on transparent hugepages (too few free 2 MiB "
                          "hugepages)",
                          core::format_bytes(huge_bytes), core::format_bytes(bytes_.size()));
}

/// The reference count that rte_pktmbuf_attach_extbuf() wants, and what it is of.
struct ExtbufPackets::Loan {
    rte_mbuf_ext_shared_info shared;
    ExtbufPackets* owner;
    std::uint64_t addr;
};

ExtbufPackets::ExtbufPackets(const PacketMemory& memory, const Config& config)
    : memory_(memory),
      base_(
          static_cast<std::uint64_t>(memory.region(config.region).data() - memory.bytes().data())),
      returned_(config.num_segments)
{
    constexpr unsigned cache = 256; // mbufs that are taken and given back without the pool's ring
    constexpr auto private_bytes =
        static_cast<std::uint16_t>(core::round_up<std::size_t>(sizeof(Loan), RTE_MBUF_PRIV_ALIGN));
    Eal::clear_log();
    pool_ = rte_pktmbuf_pool_create(fmt::format("segments{}", config.region).c_str(),
                                    config.num_segments, cache, private_bytes, 0, SOCKET_ID_ANY);
    if (pool_ == nullptr)
        throw core::TransferError(Eal::error("mbuf pool", rte_errno));
}

ExtbufPackets::~ExtbufPackets()
{
    rte_mempool_free(pool_);
}

rte_mbuf* ExtbufPackets::make(std::span<const Descriptor> segments) noexcept
{
    std::array<rte_mbuf*, Segmenter::kSlicesMax + 1> mbufs{};
    const auto count = static_cast<unsigned>(segments.size());
    if (num_out_ + num_returned_ + count > returned_.size()) // those that wait to be taken as well
        return nullptr;
    if (rte_pktmbuf_alloc_bulk(pool_, mbufs.data(), count) != 0)
        return nullptr;
    num_out_ += count;
    std::uint32_t packet_bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
        const Descriptor& segment = segments[i];
        auto* loan = static_cast<Loan*>(rte_mbuf_to_priv(mbufs[i]));
        loan->shared.free_cb = on_free;
        loan->shared.fcb_opaque = loan;
        rte_mbuf_ext_refcnt_set(&loan->shared, 1);
        loan->owner = this;
        loan->addr = segment.addr;
        const auto len = static_cast<std::uint16_t>(segment.len);
        const std::uint64_t at = base_ + segment.addr;
        rte_pktmbuf_attach_extbuf(mbufs[i], memory_.bytes().data() + at, memory_.iova(at), len,
                                  &loan->shared);
        mbufs[i]->data_len = len;
        mbufs[i]->next = i + 1 < count ? mbufs[i + 1] : nullptr;
        packet_bytes += segment.len;
    }
    rte_mbuf* packet = mbufs[0];
    packet->nb_segs = static_cast<std::uint16_t>(count);
    packet->pkt_len = packet_bytes;
    if (tx_flags_ != 0) {
        // The UDP header holds the pseudo header's sum, as the driver wants it.
        packet->ol_flags |= tx_flags_;
        packet->l2_len = kEthernetBytes;
        packet->l3_len = kIpv4Bytes;
    }
    if ((tx_flags_ & RTE_MBUF_F_TX_IP_CKSUM) != 0) // which wants 0 in its place
        std::memset(rte_pktmbuf_mtod_offset(packet, std::byte*, kIpv4ChecksumAt), 0,
                    sizeof(std::uint16_t));
    return packet;
}

void ExtbufPackets::on_free(void*, void* opaque) noexcept
{
    const auto* loan = static_cast<const Loan*>(opaque);
    ExtbufPackets& owner = *loan->owner;
    owner.returned_[owner.num_returned_++] = loan->addr; // room for all: make()
    --owner.num_out_;
}

std::size_t ExtbufPackets::take_returned(std::span<std::uint64_t> addrs) noexcept
{
    const std::size_t count = std::min(addrs.size(), num_returned_);
    for (std::size_t i = 0; i < count; ++i)
        addrs[i] = returned_[--num_returned_];
    return count;
}

} // namespace pagewire::dataplane::dpdk
