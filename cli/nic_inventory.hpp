// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/inventory.hpp"

#include <nlohmann/json.hpp>

#include <span>
#include <string>

namespace pagewire::cli {

/// Everything, by the names of docs/nic.md; null for what the kernel does not tell.
[[nodiscard]] nlohmann::json inventory_json(const nic::Inventory& inventory);

/// The same for a person: a line for each fact, features in a table.
[[nodiscard]] std::string inventory_text(const nic::Inventory& inventory);

/// A heading, and a line for each interface.
[[nodiscard]] std::string inventory_lines(std::span<const nic::Inventory> inventories);

} // namespace pagewire::cli
