// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace pagewire::core {

/// A system call failed. what() names the call, its object and the reason: "open /dev/sda:
/// Permission denied". code() keeps the errno, in std::generic_category().
class SystemError : public std::system_error {
  public:
    SystemError(int error, std::string_view call, std::string_view object);

    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

  private:
    std::string what_;
};

/// The caller asked for something that cannot be (a bad argument, an unfit environment): one line
/// that says what, where, and what to do. Ends a command with exit code 2.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A transfer could not be completed (file changed, peer gone, time limit): fails its row, not the
/// run.
class TransferError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Throws SystemError from errno (or from `error`, a positive errno value).
[[noreturn]] void throw_errno(std::string_view call, std::string_view object = {});
[[noreturn]] void throw_error(int error, std::string_view call, std::string_view object = {});

/// The text of a positive errno value, thread-safe.
[[nodiscard]] std::string errno_text(int error);

/// Passes a non-negative result through; throws on -1 + errno.
template<typename T>
T checked(T result, std::string_view call, std::string_view object = {})
{
    if (result < 0)
        throw_errno(call, object);
    return result;
}

} // namespace pagewire::core
