// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace pagewire::tests {

/// The message of the Error that `call` throws; "" and a failure where it throws none.
template<typename Error, typename Call>
std::string thrown(Call call)
{
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

} // namespace pagewire::tests
