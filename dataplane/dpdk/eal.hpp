// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::dataplane::dpdk {

/// DPDK's environment (EAL) of this process. It can be started once in a process, and stays until
/// the process ends: whoever comes first decides about its memory.
///
/// It leaves nothing behind: no configuration shared with other processes (--no-shconf), hugepages
/// without names (--in-memory) or none (--no-huge), its folder a DetachedFolder. Its log goes to no
/// terminal: the errors in it are kept for Eal::error(). (A failed start says its last words on
/// stderr as well.)
class Eal {
  public:
    struct Config {
        std::uint64_t memory_bytes = 0; ///< for all that is allocated from it
        bool may_use_hugepages = false; ///< where enough are free
        std::string pci; ///< address of the one device that it may touch; empty: none
        /// The drivers that are needed, "net_virtio"; empty: all that are installed, which takes
        /// seconds from a cold cache.
        std::vector<std::string> drivers = {};
    };

    /// Throws core::TransferError that says what EAL says; the same again in a process where it has
    /// failed, for EAL does not start twice.
    static void start(const Config& config);

    /// Whether its memory lies on 2 MiB hugepages; else each page has 4 KiB.
    [[nodiscard]] static bool has_hugepages() noexcept;

    /// Makes the calling thread an lcore of its own until it ends, if it is none yet: mempools have
    /// a cache for each lcore. Where no lcore is free it goes without.
    static void enter_thread() noexcept;

    /// Forgets what was logged until now.
    static void clear_log();

    /// "<what>: <cause>", the cause being the first error that was logged since clear_log(), in
    /// DPDK's own words (what follows it follows from it), or else the text of `error`, an errno
    /// value of either sign.
    [[nodiscard]] static std::string error(std::string_view what, int error);

  private:
    explicit Eal(const Config& config);
};

/// The message of one logged line, without what DPDK writes before it ("EAL: ", "function(): ").
[[nodiscard]] std::string_view log_message(std::string_view line);

} // namespace pagewire::dataplane::dpdk
