// SPDX-License-Identifier: BSD-3-Clause
#include "nic/device_folder.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace pagewire::nic {

namespace {

namespace fs = std::filesystem;

std::optional<std::vector<int>> cpus_in(const fs::path& file)
{
    const auto text = core::read_text(file);
    return text ? core::parse_cpu_list(*text) : std::nullopt;
}

DeviceIrq irq(const core::SystemRoot& root, int number)
{
    const fs::path folder = root.proc / "irq" / std::to_string(number);
    DeviceIrq irq{.number = number,
                  .handler = {},
                  .cpus = cpus_in(folder / "smp_affinity_list"),
                  .effective = cpus_in(folder / "effective_affinity_list")};
    // A folder of the handler's name, beside the files.
    for (const std::string& name : core::names_in(folder)) {
        std::error_code error;
        if (irq.handler.empty() && fs::is_directory(folder / name, error))
            irq.handler = name;
    }
    return irq;
}

} // namespace

std::optional<fs::path> device_folder(const core::SystemRoot& root, const std::string& bus_name)
{
    if (bus_name.empty() || bus_name == "." || bus_name == ".." ||
        bus_name.find('/') != std::string::npos)
        return std::nullopt;
    for (const std::string& bus : core::names_in(root.sys / "bus")) {
        fs::path folder = root.sys / "bus" / bus / "devices" / bus_name;
        std::error_code error;
        if (fs::is_directory(folder, error))
            return folder;
    }
    return std::nullopt;
}

std::optional<int> numa_node_of(const std::optional<fs::path>& device)
{
    const auto node = device ? core::read_number(*device / "numa_node") : std::nullopt;
    return node && *node >= 0 ? std::optional(static_cast<int>(*node)) : std::nullopt;
}

std::vector<DeviceIrq> device_irqs(const core::SystemRoot& root, const fs::path& device)
{
    std::vector<int> numbers;
    for (const std::string& name : core::names_in(device / "msi_irqs")) {
        int number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size())
            numbers.push_back(number);
    }
    if (const auto line = core::read_number(device / "irq"); numbers.empty() && line && *line > 0)
        numbers.push_back(static_cast<int>(*line));
    std::sort(numbers.begin(), numbers.end());
    std::vector<DeviceIrq> irqs;
    irqs.reserve(numbers.size());
    for (const int number : numbers)
        irqs.push_back(irq(root, number));
    return irqs;
}

} // namespace pagewire::nic
