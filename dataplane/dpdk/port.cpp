// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/port.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/dpdk/eal.hpp"
#include "dataplane/segmenter.hpp"
#include "nic/pci_device.hpp"

#include <fmt/format.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <thread>

namespace pagewire::dataplane::dpdk {

namespace {

/// Copper takes 2 s to 4 s to agree on a rate.
constexpr std::chrono::seconds kLinkTime{15};

/// DPDK 22.11, drivers/net/e1000/igb_rxtx.c: igb_tx_done_cleanup() makes each descriptor that it
/// frees the last one of a packet (last_id). A lap later eth_igb_xmit_pkts() waits for such a
/// descriptor's done bit, which the device sets in a packet's real last one alone (RS): packets of
/// several segments go out for one lap of the ring, and never again. It is asked when nothing is to
/// be sent any more; until then the driver frees what lies in the descriptors that it needs.
bool spoils_ring_by_clean_up(std::string_view driver)
{
    return driver.starts_with("net_e1000_igb"); // and net_e1000_igb_vf
}

} // namespace

PortName PortName::parse(std::string_view text)
{
    PortName port{.name = std::string(text.substr(0, text.find(','))),
                  .devargs = std::string(text),
                  .is_pci = nic::is_pci_address(text.substr(0, text.find(',')))};
    if (!port.is_pci && !port.name.starts_with("net_")) {
        throw core::TransferError(
            fmt::format("{:?} is no port: write a PCI address (0000:01:00.0) or a virtual device "
                        "with its arguments (net_af_packet0,iface=eth1)",
                        text));
    }
    return port;
}

bool PortName::is_known_to_copy() const noexcept
{
    constexpr std::array drivers{"net_af_packet", "net_tap", "net_memif", "net_pcap", "net_af_xdp"};
    return std::any_of(drivers.begin(), drivers.end(),
                       [this](const char* driver) { return name.starts_with(driver); });
}

std::string PortName::driver() const
{
    const std::string kind = name.substr(0, name.find_last_not_of("0123456789") + 1);
    return kind == "net_virtio_user" ? "net_virtio" : kind;
}

Port::Port(const Config& config) : name_(config.port.name)
{
    Eal::clear_log();
    if (const int error = rte_dev_probe(config.port.devargs.c_str()); error != 0)
        throw core::TransferError(Eal::error(name_, error));
    if (const int error = rte_eth_dev_get_port_by_name(name_.c_str(), &port_); error != 0)
        throw core::TransferError(Eal::error(name_, error));
    try {
        configure(config);
    } catch (...) {
        close();
        throw;
    }
}

Port::~Port()
{
    (void)rte_eth_dev_stop(port_);
    close();
}

void Port::close() noexcept
{
    rte_eth_dev_info info{};
    const bool has_device = rte_eth_dev_info_get(port_, &info) == 0;
    (void)rte_eth_dev_close(port_);
    if (has_device)
        (void)rte_dev_remove(info.device); // the name is free again
}

void Port::configure(const Config& config)
{
    const auto check = [&](const char* what, int error) {
        if (error != 0)
            throw core::TransferError(Eal::error(fmt::format("{}: {}", name_, what), error));
    };
    rte_eth_dev_info info{};
    check("information", rte_eth_dev_info_get(port_, &info));
    if (config.num_queues > info.max_tx_queues) {
        throw core::TransferError(fmt::format("{} has {} TX queues, not {}", name_,
                                              info.max_tx_queues, config.num_queues));
    }
    driver_ = info.driver_name != nullptr ? info.driver_name : "unknown";
    rte_eth_conf conf{};
    // Virtual ports send frames of any length, and know no other MTU than Ethernet's.
    if (config.port.is_pci) {
        if (config.mtu > info.max_mtu) {
            throw core::TransferError(fmt::format("{} ({}) has an MTU of {} at most: use --mtu",
                                                  name_, driver_, info.max_mtu));
        }
        conf.rxmode.mtu = config.mtu;
    }
    if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0) {
        conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
        constexpr unsigned most = Segmenter::kSlicesMax + 1;
        num_segments_max_ = info.tx_desc_lim.nb_mtu_seg_max == 0
                                ? most
                                : std::min<unsigned>(most, info.tx_desc_lim.nb_mtu_seg_max);
    }
    if (config.checksums) {
        constexpr std::uint64_t needed =
            RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
        if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) == 0) {
            throw core::TransferError(
                fmt::format("{} ({}) makes no UDP checksums: use the checksum mode 'none' or "
                            "'sidecar'",
                            name_, driver_));
        }
        conf.txmode.offloads |= info.tx_offload_capa & needed;
        tx_flags_ = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
        if ((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0)
            tx_flags_ |= RTE_MBUF_F_TX_IP_CKSUM;
    }
    // Nothing is received by it. A driver that cannot do without an RX queue says so.
    if (const int error = rte_eth_dev_configure(port_, 0, config.num_queues, &conf); error != 0) {
        throw core::TransferError(
            fmt::format("{}; some drivers want receive queues too, and a port has none here",
                        Eal::error(fmt::format("{}: set-up", name_), error)));
    }
    std::uint32_t entries = config.tx_entries;
    if (spoils_ring_by_clean_up(driver_)) {
        clean_up_ = CleanUp::kByCallAtTheEnd;
        const std::uint32_t align = std::max<std::uint32_t>(info.tx_desc_lim.nb_align, 1);
        entries = core::round_down(std::min(entries, config.tx_entries_kept), align);
    }
    std::uint16_t rx_entries = 0;
    tx_entries_ =
        static_cast<std::uint16_t>(std::min<std::uint32_t>(entries, info.tx_desc_lim.nb_max));
    check("ring size", rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx_entries, &tx_entries_));
    if (clean_up_ == CleanUp::kByCallAtTheEnd && tx_entries_ > config.tx_entries_kept) {
        throw core::TransferError(fmt::format(
            "{} ({}) has {} TX descriptors at least and keeps what they sent, which is too much of "
            "the packet memory: use more of it (umem)",
            name_, driver_, tx_entries_));
    }
    for (std::uint16_t queue = 0; queue < config.num_queues; ++queue) {
        check("TX queue",
              rte_eth_tx_queue_setup(port_, queue, tx_entries_,
                                     static_cast<unsigned>(rte_eth_dev_socket_id(port_)), nullptr));
    }
    check("start", rte_eth_dev_start(port_));
    if (clean_up_ == CleanUp::kByCallAtTheEnd) {
        // Not asked now.
    } else if (rte_eth_tx_done_cleanup(port_, 0, 0) != -ENOTSUP) {
        clean_up_ = CleanUp::kByCall;
    } else if (name_.starts_with("net_virtio_user")) {
        // Its driver frees when it lacks descriptors, as many as are done of those that it lacks
        // (virtio_xmit_pkts): a packet of more segments than any ring has is refused, after all
        // that is done has been freed. It is never looked into.
        clean_up_ = CleanUp::kByRefusedPacket;
        for (std::uint16_t queue = 0; queue < config.num_queues; ++queue) {
            refused_.push_back(std::make_unique<rte_mbuf>());
            refused_.back()->nb_segs = std::numeric_limits<std::uint16_t>::max();
        }
    }
    if (config.port.is_pci)
        wait_for_link();
    rte_eth_link link{};
    was_up_ = rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status != 0;
    counters_at_start_ = counters().value_or(PortCounters{});
}

/// What is sent before is lost, and nobody says so.
void Port::wait_for_link() const
{
    const auto deadline = std::chrono::steady_clock::now() + kLinkTime;
    rte_eth_link link{};
    while (rte_eth_link_get_nowait(port_, &link) != 0 || link.link_status == 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            throw core::TransferError(
                fmt::format("{} ({}): no link within {} s: look at the cable and the other end",
                            name_, driver_, kLinkTime.count()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

bool Port::makes_ipv4_checksums() const noexcept
{
    return (tx_flags_ & RTE_MBUF_F_TX_IP_CKSUM) != 0;
}

std::optional<PortCounters> Port::counters() const noexcept
{
    rte_eth_stats stats{};
    if (rte_eth_stats_get(port_, &stats) != 0)
        return std::nullopt;
    return PortCounters{.packets = stats.opackets - counters_at_start_.packets,
                        .bytes = stats.obytes - counters_at_start_.bytes};
}

std::uint16_t Port::send(std::uint16_t queue, std::span<rte_mbuf*> packets) noexcept
{
    auto count = static_cast<std::uint16_t>(packets.size());
    if (tx_flags_ != 0)
        count = rte_eth_tx_prepare(port_, queue, packets.data(), count);
    return rte_eth_tx_burst(port_, queue, packets.data(), count);
}

void Port::clean_up(std::uint16_t queue, bool is_finished) noexcept
{
    switch (clean_up_) {
    case CleanUp::kByCallAtTheEnd:
        if (!is_finished)
            return;
        [[fallthrough]];
    case CleanUp::kByCall:
        (void)rte_eth_tx_done_cleanup(port_, queue, 0);
        return;
    case CleanUp::kByRefusedPacket: {
        rte_mbuf* packet = refused_[queue].get();
        (void)rte_eth_tx_burst(port_, queue, &packet, 1);
        return;
    }
    case CleanUp::kNone:
        return;
    }
}

bool Port::has_lost_link() const noexcept
{
    rte_eth_link link{};
    return was_up_ && rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == 0;
}

} // namespace pagewire::dataplane::dpdk
