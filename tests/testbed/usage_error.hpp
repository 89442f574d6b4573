// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pagewire::testbed {

/// The message of the UsageError that `call` throws; "" and a failure where it throws none.
template<typename Call>
std::string error_of(Call call)
{
    try {
        call();
    } catch (const core::UsageError& e) {
        return e.what();
    }
    ADD_FAILURE() << "no UsageError";
    return {};
}

} // namespace pagewire::testbed
