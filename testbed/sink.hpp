// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/socket.hpp"
#include "testbed/channel.hpp"

namespace pagewire::testbed {

/// Serves one testbed until it closes the channel: receives streams and verifies them.
void serve_sink(Channel& channel);

/// The sink of two hosts: listens for testbeds and serves them one after the other, until a signal
/// ends the process. It owns nothing that would outlive it. Throws UsageError when the port is in
/// use.
[[noreturn]] void listen_sink(core::SocketAddress address);

} // namespace pagewire::testbed
