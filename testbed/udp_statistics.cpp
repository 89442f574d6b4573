// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/udp_statistics.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace pagewire::testbed {

std::optional<std::uint64_t> udp_in_csum_errors()
{
    std::ifstream snmp("/proc/self/net/snmp");
    return udp_in_csum_errors(snmp);
}

std::optional<std::uint64_t> udp_in_csum_errors(std::istream& snmp)
{
    // Two lines a protocol: "Udp: InDatagrams NoPorts ...", "Udp: 17 0 ...".
    std::string names_line;
    std::string values_line;
    while (std::getline(snmp, names_line) && std::getline(snmp, values_line)) {
        std::istringstream names(names_line);
        std::istringstream values(values_line);
        std::string name;
        std::string value;
        if (!(names >> name) || name != "Udp:" || !(values >> value) || value != name)
            continue;
        while (names >> name && values >> value) {
            if (name != "InCsumErrors")
                continue;
            std::istringstream number(value);
            std::uint64_t count = 0;
            return number >> count ? std::optional(count) : std::nullopt;
        }
    }
    return std::nullopt;
}

} // namespace pagewire::testbed
