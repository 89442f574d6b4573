// SPDX-License-Identifier: BSD-3-Clause
// Prints what callers_ssh_connection() finds: a process whose parent a test chooses.
#include "nic/change_permission.hpp"

#include <fmt/format.h>

int main()
{
    fmt::print("{}", pagewire::nic::callers_ssh_connection().value_or("none"));
    return 0;
}
