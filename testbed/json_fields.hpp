// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Structs as JSON objects, described once for both ways and read strictly.
///
/// `describe(io, value)` names each field: io("port", value.port). FieldWriter makes the JSON of
/// it; FieldReader fills the struct, and throws core::UsageError for a field that is missing, of
/// another type, or does not fit: nothing is cut off, rounded or guessed, as nlohmann's own
/// conversions would (true to 1, 65537 to 1, an unknown word to the first of its enum).
namespace pagewire::testbed {

template<typename T>
struct EnumNames; ///< specialised for each enum: `static constexpr
                  ///< std::array<std::pair<std::string_view, T>, N> kAll`

template<typename T>
concept NamedEnum = std::is_enum_v<T>;

template<typename T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

template<typename T>
struct IsVector : std::false_type {};

template<typename T>
struct IsVector<std::vector<T>> : std::true_type {};

class FieldWriter {
  public:
    template<typename T>
    void operator()(const char* name, const T& value)
    {
        json_[name] = write(value);
    }

    template<typename T>
    [[nodiscard]] static nlohmann::json write(const T& value)
    {
        if constexpr (requires(FieldWriter & fields, T & v) { describe(fields, v); }) {
            FieldWriter fields;
            describe(fields, const_cast<T&>(value)); // a writer reads only
            return std::move(fields.json_);
        } else if constexpr (NamedEnum<T>) {
            for (const auto& [name, known] : EnumNames<T>::kAll) {
                if (known == value)
                    return name;
            }
            return nullptr;
        } else if constexpr (requires { value.count(); }) {
            return value.count();
        } else if constexpr (IsVector<T>::value) {
            nlohmann::json all = nlohmann::json::array();
            for (const auto& member : value)
                all.push_back(write(member));
            return all;
        } else {
            return value;
        }
    }

  private:
    nlohmann::json json_ = nlohmann::json::object();
};

class FieldReader {
  public:
    FieldReader(const nlohmann::json& json, std::string path) : json_(json), path_(std::move(path))
    {
        if (!json.is_object())
            throw core::UsageError(fmt::format("{} is not an object", path_));
    }

    template<typename T>
    void operator()(const char* name, T& value)
    {
        const std::string path = fmt::format("{}/{}", path_, name);
        const auto it = json_.find(name);
        if (it == json_.end())
            throw core::UsageError(fmt::format("{} is missing", path));
        read(*it, value, path);
    }

  private:
    [[noreturn]] static void refuse(const std::string& path)
    {
        throw core::UsageError(fmt::format("{} has an impossible value", path));
    }

    static void require(bool fits, const std::string& path)
    {
        if (!fits)
            refuse(path);
    }

    static void read(const nlohmann::json& json, bool& value, const std::string& path)
    {
        require(json.is_boolean(), path);
        value = json.get<bool>();
    }

    static void read(const nlohmann::json& json, std::string& value, const std::string& path)
    {
        require(json.is_string(), path);
        value = json.get<std::string>();
    }

    static void read(const nlohmann::json& json, double& value, const std::string& path)
    {
        require(json.is_number(), path);
        value = json.get<double>();
    }

    template<Integer T>
    static void read(const nlohmann::json& json, T& value, const std::string& path)
    {
        require(json.is_number_integer(), path);
        if (json.is_number_unsigned()) {
            require(std::in_range<T>(json.get<std::uint64_t>()), path);
            value = static_cast<T>(json.get<std::uint64_t>());
        } else {
            require(std::in_range<T>(json.get<std::int64_t>()), path);
            value = static_cast<T>(json.get<std::int64_t>());
        }
    }

    template<typename Rep, typename Period>
    static void read(const nlohmann::json& json, std::chrono::duration<Rep, Period>& value,
                     const std::string& path)
    {
        Rep count{};
        read(json, count, path);
        value = std::chrono::duration<Rep, Period>(count);
    }

    template<NamedEnum T>
    static void read(const nlohmann::json& json, T& value, const std::string& path)
    {
        for (const auto& [name, known] : EnumNames<T>::kAll) {
            if (json.is_string() && json.get_ref<const std::string&>() == name) {
                value = known;
                return;
            }
        }
        refuse(path);
    }

    template<typename T, std::size_t N>
    static void read(const nlohmann::json& json, std::array<T, N>& value, const std::string& path)
    {
        require(json.is_array() && json.size() == N, path);
        for (std::size_t i = 0; i < N; ++i)
            read(json[i], value[i], path);
    }

    template<typename T>
    static void read(const nlohmann::json& json, std::vector<T>& value, const std::string& path)
    {
        require(json.is_array(), path);
        value.assign(json.size(), T{});
        for (std::size_t i = 0; i < json.size(); ++i)
            read(json[i], value[i], fmt::format("{}/{}", path, i));
    }

    template<typename T>
    static void read(const nlohmann::json& json, std::map<std::string, T>& value,
                     const std::string& path)
    {
        require(json.is_object(), path);
        value.clear();
        for (const auto& [key, member] : json.items())
            read(member, value[key], fmt::format("{}/{}", path, key));
    }

    template<typename T>
    requires std::is_class_v<T>

    static void read(const nlohmann::json& json, T& value, const std::string& path)
    {
        FieldReader fields(json, path);
        describe(fields, value);
    }

    const nlohmann::json& json_;
    std::string path_;
};

} // namespace pagewire::testbed
