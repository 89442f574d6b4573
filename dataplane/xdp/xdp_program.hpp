// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/support.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace pagewire::dataplane {

/// The flow that the program takes: data datagrams (core/flow_header.hpp) to one UDP address.
struct XdpFlow {
    std::uint32_t ipv4 = 0; ///< destination, network byte order
    std::uint16_t port = 0; ///< destination, host byte order
    std::uint32_t flow = 0;
    std::uint32_t num_flows = 1; ///< that follow each other
};

/// The XDP program that takes one flow off a device for AF_XDP sockets, one for each RX queue, and
/// passes all else to the kernel: ARP, TCP, foreign ports, the flow's own probes and its finish,
/// and the flow itself where its queue has no socket (redirect.bpf.c;
/// Documentation/networking/af_xdp.rst, "XDP_SHARED_UMEM bind flag" ff. and "BPF_MAP_TYPE_XSKMAP").
///
/// Held by descriptors alone, program, map and link: nothing is pinned, and a process that ends,
/// kill -9 included, takes the program off the device.
///
///     XdpProgram program(flow, num_queues);     loaded, on no device
///     program.attach(interface);                everything passes
///     program.insert(queue, socket) ...         packets of the flow come by that queue's socket
class XdpProgram {
  public:
    /// `num_queues`: queues 0 to num_queues - 1 may have a socket. Throws core::UsageError with the
    /// kernel's reason where it does not take the program.
    XdpProgram(const XdpFlow& flow, std::uint32_t num_queues);
    XdpProgram(const XdpProgram&) = delete;
    XdpProgram& operator=(const XdpProgram&) = delete;
    ~XdpProgram();

    /// `socket`: an AF_XDP socket that is bound to this queue; not owned. Throws SystemError.
    void insert(std::uint32_t queue, int socket);

    /// In the driver (drv) where it can, else behind it (skb). Throws core::UsageError where
    /// another program holds the device, with its name and id; SystemError where neither mode is
    /// possible.
    void attach(const std::string& interface);

    /// "drv"; "skb, because ..."; empty before attach().
    [[nodiscard]] const std::string& mode() const noexcept { return mode_; }

    struct Counts {
        std::uint64_t redirected = 0; ///< packets handed to the socket of their queue
        std::uint64_t no_socket = 0;  ///< packets of the flow passed to the kernel for want of one
    };

    [[nodiscard]] Counts counts() const noexcept;

    /// Whether this kernel takes the program from this process.
    [[nodiscard]] static core::Support probe();

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
    std::string mode_;
};

} // namespace pagewire::dataplane
