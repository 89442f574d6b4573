// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace pagewire::nic {

/// Writes netlink attributes: native byte order, 4-octet alignment, lengths without the padding.
class AttributeBuilder {
  public:
    AttributeBuilder& raw(std::uint16_t type, std::string_view payload)
    {
        const std::size_t begin = open(type);
        octets_.insert(octets_.end(), payload.begin(), payload.end());
        return close(begin);
    }

    AttributeBuilder& flag(std::uint16_t type) { return raw(type, {}); }

    AttributeBuilder& u32(std::uint16_t type, std::uint32_t value)
    {
        std::array<char, sizeof(value)> payload{};
        std::memcpy(payload.data(), &value, sizeof(value));
        return raw(type, {payload.data(), payload.size()});
    }

    AttributeBuilder& u64(std::uint16_t type, std::uint64_t value)
    {
        std::array<char, sizeof(value)> payload{};
        std::memcpy(payload.data(), &value, sizeof(value));
        return raw(type, {payload.data(), payload.size()});
    }

    AttributeBuilder& string(std::uint16_t type, std::string_view text)
    {
        return raw(type, std::string(text) + '\0');
    }

    template<typename Fill>
    AttributeBuilder& nest(std::uint16_t type, Fill fill)
    {
        const std::size_t begin = open(static_cast<std::uint16_t>(type | NLA_F_NESTED));
        fill(*this);
        return close(begin);
    }

    [[nodiscard]] const std::vector<char>& octets() const { return octets_; }

  private:
    std::size_t open(std::uint16_t type)
    {
        const std::size_t begin = octets_.size();
        const nlattr header{.nla_len = 0, .nla_type = type};
        octets_.resize(begin + sizeof(header));
        std::memcpy(&octets_[begin], &header, sizeof(header));
        return begin;
    }

    AttributeBuilder& close(std::size_t begin)
    {
        const auto length = static_cast<std::uint16_t>(octets_.size() - begin);
        std::memcpy(&octets_[begin], &length, sizeof(length));
        octets_.resize(begin + NLA_ALIGN(length));
        return *this;
    }

    std::vector<char> octets_;
};

} // namespace pagewire::nic
