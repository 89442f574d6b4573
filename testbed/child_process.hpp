// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/net_namespace.hpp"
#include "testbed/channel.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::testbed {

struct ChildConfig {
    std::string command;                      ///< hidden subcommand: "worker", "sink"
    const nic::NetNamespace* netns = nullptr; ///< null: the parent's own
    std::optional<int> cpu;                   ///< pinned to it
};

/// This program again, as a worker or a sink, with a control channel on descriptor kControlFd.
///
/// The child dies with its parent (PR_SET_PDEATHSIG), however the parent dies, and is killed and
/// reaped when its owner goes. It ignores SIGINT, which a terminal sends to the whole group: ending
/// it is the parent's decision.
class ChildProcess {
  public:
    static constexpr int kControlFd = 3;

    /// Throws SystemError.
    explicit ChildProcess(const ChildConfig& config);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();

    [[nodiscard]] Channel& channel() noexcept { return channel_; }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    /// Asks it to end (SIGTERM).
    void terminate() noexcept;

    /// Waits for its end, kills it when `longest` is over. How it ended, for a person: "exited with
    /// code 1", "killed by signal 9 (Killed)"; empty for exit code 0.
    std::string wait_end(std::chrono::milliseconds longest);

    /// The binary that children run: this process's own, unless the environment's PAGEWIRE_EXE
    /// names another (test programs are not pagewire).
    [[nodiscard]] static std::string executable();

  private:
    pid_t pid_ = -1;
    Channel channel_;
};

} // namespace pagewire::testbed
