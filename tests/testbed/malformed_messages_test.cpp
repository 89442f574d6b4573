// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/messages.hpp"

#include "tests/support/thrown.hpp"
#include "tests/testbed/sample_messages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

namespace pagewire::testbed {
namespace {

using core::UsageError;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using tests::thrown;

TEST(ReadDigests, MalformedOnesAreRefused)
{
    const Message good = digests_message({.length = 8193, .digests = {1, 2, 3}});
    for (const json& length : {json(), json("8193"), json(-1), json(8193.0), json::array({8193})}) {
        Message message = good;
        message.body["length"] = length;
        EXPECT_EQ(
            thrown<UsageError>([&] { (void)read_digests(message); }),
            "a control message of type 'digests' is malformed: /length has an impossible value");
    }
    Message message = good;
    message.body.erase("length");
    EXPECT_THROW((void)read_digests(message), UsageError);
    for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{8192}, std::uint64_t{12'289},
                                       std::numeric_limits<std::uint64_t>::max()}) {
        message.body["length"] = length;
        EXPECT_THROW((void)read_digests(message), UsageError) << length;
    }
}

TEST(ReadMessage, SaysWhichMessageIsMalformed)
{
    EXPECT_THAT(thrown<UsageError>([] {
                    (void)read_message<ReadyNote>({.body = {{"type", "ready"}}, .octets = {}});
                }),
                StartsWith("a control message of type 'ready' is malformed: "));
    EXPECT_THAT(thrown<UsageError>(
                    [] { (void)read_message<ReadyNote>({.body = json::array(), .octets = {}}); }),
                HasSubstr("malformed"));
}

/// Everything that can be wrong with a single field of a message, wherever it stands in it.
template<typename T>
class MalformedMessage : public ::testing::Test {
  protected:
    static constexpr std::array kFreeMaps{"counters", "facts", "pmu"}; // of any names

    /// Pointers to every field: the objects', and those within.
    static std::vector<json::json_pointer>
    fields(const json& body, const json::json_pointer& at = json::json_pointer())
    {
        std::vector<json::json_pointer> result;
        for (const auto& [name, value] : body.items()) {
            if (at.empty() && (name == "type" || name == "version"))
                continue;
            result.push_back(at / name);
            if (!value.is_object() ||
                std::find(kFreeMaps.begin(), kFreeMaps.end(), name) != kFreeMaps.end())
                continue;
            const auto inner = fields(value, at / name);
            result.insert(result.end(), inner.begin(), inner.end());
        }
        return result;
    }

    /// Notes the body where it is taken for a message.
    void try_out(const json& body, const std::string& what)
    {
        try {
            (void)read_message<T>({.body = body, .octets = {}});
            accepted_.push_back(what);
        } catch (const UsageError&) {
            // refused, as it should be
        }
    }

    void try_value(const json::json_pointer& field, const json& value)
    {
        json body = body_;
        body.at(field) = value;
        try_out(body, field.to_string() + " = " + value.dump());
    }

    std::vector<std::string> accepted_;
    json body_ = sample<T>();
};

using MessageTypes = ::testing::Types<ReceiveRequest, ReadyNote, ReceivedNote, AskRequest,
                                      AskedNote, TransferRequest, TransferNote>;
TYPED_TEST_SUITE(MalformedMessage, MessageTypes);

TYPED_TEST(MalformedMessage, MissingFieldsAreRefused)
{
    for (const auto& field : TestFixture::fields(this->body_)) {
        json body = this->body_;
        body.at(field.parent_pointer()).erase(field.back());
        this->try_out(body, "without " + field.to_string());
    }
    EXPECT_THAT(this->accepted_, IsEmpty());
}

TYPED_TEST(MalformedMessage, FieldsOfAnotherTypeAreRefused)
{
    for (const auto& field : TestFixture::fields(this->body_)) {
        const json& was = this->body_.at(field);
        for (const json& other :
             {json(), json(17), json("17"), json(true), json::array(), json::object()}) {
            if (other.type() != was.type() && !(other.is_number() && was.is_number()))
                this->try_value(field, other);
        }
    }
    EXPECT_THAT(this->accepted_, IsEmpty());
}

/// A number that its field cannot hold would be another number after the conversion.
TYPED_TEST(MalformedMessage, NumbersThatDoNotFitAreRefused)
{
    for (const auto& field : TestFixture::fields(this->body_)) {
        if (!this->body_.at(field).is_number_unsigned())
            continue;
        for (const json& other : {json(-1), json(0.5), json(1e300)})
            this->try_value(field, other);
    }
    EXPECT_THAT(this->accepted_, IsEmpty());
}

TEST(ReadMessage, UnknownWordsAreRefused)
{
    json receive = sample<ReceiveRequest>();
    receive["wire"] = "pigeon";
    EXPECT_THROW((void)read_message<ReceiveRequest>({.body = receive, .octets = {}}), UsageError);
    json transfer = sample<TransferRequest>();
    transfer["job"]["dataplane"]["source"] = "tape";
    EXPECT_THROW((void)read_message<TransferRequest>({.body = transfer, .octets = {}}), UsageError);
}

TEST(ReadMessage, PortsAndAddressesAreNotCutOff)
{
    EXPECT_THROW((void)read_message<ReadyNote>(
                     {.body = {{"type", "ready"}, {"port", 65'536 + 9400}}, .octets = {}}),
                 UsageError);
    json transfer = sample<TransferRequest>();
    transfer["job"]["peer"]["mac"] = {1, 2, 3, 4, 5, 256};
    EXPECT_THROW((void)read_message<TransferRequest>({.body = transfer, .octets = {}}), UsageError);
}

} // namespace
} // namespace pagewire::testbed
