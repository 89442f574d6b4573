// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"

#include <string_view>

/// Senders that do something more, or something else, than the methods do: the ledger must tell.
namespace pagewire::tests {

/// As `mmap_write` would be with one copy more: splice(2) from the file into a pipe, read(2) from
/// the pipe, write(2) to the socket.
extern const core::Method spliced_and_read;

/// `read_write` with the bytes written into a pipe and read from it again on the way: two copies
/// and four crossings more.
extern const core::Method through_a_pipe;

/// `read_write` with the bytes written into a pipe and spliced on to the socket: the pipe's copy
/// takes the place of the socket's.
extern const core::Method spliced_from_a_pipe;

/// `read_write` with one getppid(2) more in each turn.
extern const core::Method one_call_more;

/// Says that it needs direct I/O and reads through the page cache: what a file system that falls
/// back silently looks like.
extern const core::Method buffered_in_disguise;

/// `read_write_udp` of which one message, seven datagrams at MTU 9000, is lost on the
/// way.
extern const core::Method lossy_udp;

/// Of the above, or of the build's.
[[nodiscard]] const core::Method* find_variant(std::string_view name);

} // namespace pagewire::tests
