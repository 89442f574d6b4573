// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"

namespace pagewire::core {

SystemError::SystemError(int error, std::string_view call, std::string_view object)
    : std::system_error(error, std::generic_category()),
      what_(call)
{
    if (!object.empty()) {
        what_ += ' ';
        what_ += object;
    }
    what_ += ": ";
    what_ += errno_text(error);
}

void throw_errno(std::string_view call, std::string_view object)
{
    throw_error(errno, call, object);
}

void throw_error(int error, std::string_view call, std::string_view object)
{
    throw SystemError(error, call, object);
}

std::string errno_text(int error)
{
    return std::generic_category().message(error);
}

} // namespace pagewire::core
