// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <cstdint>

#include <memory>
#include <string>

namespace pagewire::nic {

/// A network namespace held by a descriptor (namespaces(7)): no name in /run/netns, no mount. The
/// kernel destroys it, with its links, when the last process inside and the last descriptor are
/// gone, `kill -9` included.
class NetNamespace {
  public:
    /// A new, empty namespace. The calling thread comes back to its own. Needs CAP_SYS_ADMIN.
    /// Throws SystemError.
    [[nodiscard]] static NetNamespace create_anonymous();

    /// The one that the calling thread is in.
    [[nodiscard]] static NetNamespace current();

    /// By the name that ip-netns(8) gave it, or by a path ("/proc/4711/ns/net"). Throws
    /// core::UsageError where there is none.
    [[nodiscard]] static NetNamespace open(const std::string& name_or_path);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Its inode number, by which the kernel's structures name it (struct ns_common).
    [[nodiscard]] std::uint32_t inode() const;

    /// Moves the calling thread into this namespace for good (a child process before exec).
    void enter() const;

    /// The calling thread is inside from construction to destruction. Sockets made meanwhile stay
    /// inside for life.
    class Visit {
      public:
        explicit Visit(const NetNamespace& target);
        ~Visit();
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;

      private:
        core::UniqueFd home_;
    };

  private:
    explicit NetNamespace(core::UniqueFd fd) noexcept : fd_(std::move(fd)) {}

    core::UniqueFd fd_;
};

} // namespace pagewire::nic
