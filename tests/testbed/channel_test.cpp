// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/channel.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace pagewire::testbed {
namespace {

using core::UsageError;
using ::testing::HasSubstr;
using tests::thrown;
using Bytes = std::vector<std::byte>;
using Milliseconds = std::chrono::milliseconds;

/// Long enough for any machine: reached only where a message is lost.
constexpr Milliseconds kLong{30'000};
constexpr Milliseconds kNow{0};

const Message kMessage{.body = {{"type", "note"}, {"value", 17}, {"text", "wörds"}},
                       .octets = tests::random_bytes(23, 1)};

/// A frame written down by hand: the header's three words, little-endian, the text, the octets.
Bytes frame(std::uint32_t magic, std::uint32_t json_bytes, std::uint32_t num_octets,
            std::string_view rest)
{
    Bytes octets;
    for (const std::uint32_t word : {magic, json_bytes, num_octets}) {
        for (int shift = 0; shift < 32; shift += 8)
            octets.push_back(static_cast<std::byte>(word >> shift));
    }
    const auto text = std::as_bytes(std::span(rest));
    octets.insert(octets.end(), text.begin(), text.end());
    return octets;
}

Bytes frame_of_json(std::string_view text)
{
    return frame(kFrameMagic, static_cast<std::uint32_t>(text.size()), 0, text);
}

std::string refusal(const Bytes& buffer)
{
    return thrown<UsageError>([&] { (void)decode_message(buffer); });
}

void expect_equal(const Message& got, const Message& expected)
{
    EXPECT_EQ(got.body, expected.body);
    EXPECT_EQ(got.octets, expected.octets);
}

TEST(Message, TypeIsTheBodysWord)
{
    EXPECT_EQ(kMessage.type(), "note");
    EXPECT_EQ((Message{.body = {{"value", 1}}, .octets = {}}.type()), "");
    EXPECT_EQ((Message{.body = {{"type", 7}}, .octets = {}}.type()), "");
    EXPECT_EQ((Message{}.type()), "");
}

TEST(EncodeMessage, FrameOnTheStream)
{
    const Message message{.body = {{"type", "x"}}, .octets = {std::byte{'a'}, std::byte{'b'}}};
    EXPECT_EQ(encode_message(message), frame(0x31574750, 12, 2, R"({"type":"x"}ab)"));
    EXPECT_EQ(std::memcmp(encode_message(message).data(), "PGW1", 4), 0);
}

TEST(EncodeMessage, RoundTrip)
{
    for (const Message& message :
         {kMessage, Message{.body = nlohmann::json::object(), .octets = {}},
          Message{.body = {{"n", nullptr},
                           {"a", {1, -1, 1.5}},
                           {"max", UINT64_MAX},
                           {"min", INT64_MIN}},
          .octets = {}},
          Message{.body = {{"type", "digests"}}, .octets = tests::random_bytes(100'000, 2)}}) {
        const Bytes octets = encode_message(message);
        const auto decoded = decode_message(octets);
        ASSERT_TRUE(decoded);
        expect_equal(decoded->first, message);
        EXPECT_EQ(decoded->second, octets.size());
    }
}

/// Error texts go through here: a file's name may hold any octets.
TEST(EncodeMessage, InvalidUtf8IsReplaced)
{
    const Bytes octets = encode_message(
        {.body = {{"type", "x"}, {"error", "open /tmp/\xff\xfe: no"}}, .octets = {}});
    const auto decoded = decode_message(octets);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->first.body["error"], "open /tmp/\xef\xbf\xbd\xef\xbf\xbd: no");
}

TEST(EncodeMessage, TooLongAText)
{
    const auto message = [](std::size_t bytes) {
        return Message{.body = {{"t", std::string(bytes, 'x')}}, .octets = {}};
    };
    constexpr std::size_t around = 8; // {"t":""}
    EXPECT_TRUE(decode_message(encode_message(message(kJsonBytesMax - around))));
    EXPECT_THAT(
        thrown<UsageError>([&] { (void)encode_message(message(kJsonBytesMax - around + 1)); }),
        HasSubstr("too long"));
}

TEST(DecodeMessage, EveryPrefixNeedsMore)
{
    const Bytes octets = encode_message(kMessage);
    for (std::size_t bytes = 0; bytes < octets.size(); ++bytes)
        EXPECT_FALSE(decode_message(std::span(octets).first(bytes))) << bytes;
    EXPECT_TRUE(decode_message(octets));
}

TEST(DecodeMessage, OneOfTwoInABuffer)
{
    const Message second{.body = {{"type", "second"}}, .octets = tests::random_bytes(5, 2)};
    Bytes buffer = encode_message(kMessage);
    const std::size_t first_bytes = buffer.size();
    const Bytes more = encode_message(second);
    buffer.insert(buffer.end(), more.begin(), more.end());

    const auto one = decode_message(buffer);
    ASSERT_TRUE(one);
    expect_equal(one->first, kMessage);
    EXPECT_EQ(one->second, first_bytes);
    const auto two = decode_message(std::span(buffer).subspan(one->second));
    ASSERT_TRUE(two);
    expect_equal(two->first, second);
}

TEST(DecodeMessage, OtherMagicIsAnotherProtocol)
{
    EXPECT_EQ(refusal(frame(kFrameMagic + 1, 2, 0, "{}")),
              "the control peer does not speak this pagewire's protocol: use the same version on "
              "both ends");
    const std::string_view http = "GET / HTTP/1.1\r\n";
    const auto octets = std::as_bytes(std::span(http));
    EXPECT_THAT(refusal({octets.begin(), octets.end()}), HasSubstr("does not speak"));
    EXPECT_THAT(refusal(frame(0, 0, 0, "")), HasSubstr("does not speak"))
        << "before any more is waited for";
}

TEST(DecodeMessage, ImpossibleLengthsAreNotWaitedFor)
{
    EXPECT_EQ(refusal(frame(kFrameMagic, kJsonBytesMax + 1, 0, "")),
              "a control message claims an impossible length");
    EXPECT_THAT(refusal(frame(kFrameMagic, UINT32_MAX, 0, "")), HasSubstr("impossible"));
    EXPECT_THAT(refusal(frame(kFrameMagic, 2, kOctetsMax + 1, "{}")), HasSubstr("impossible"));
    EXPECT_THAT(refusal(frame(kFrameMagic, UINT32_MAX, UINT32_MAX, "")), HasSubstr("impossible"));
    EXPECT_FALSE(decode_message(frame(kFrameMagic, kJsonBytesMax, kOctetsMax, "")))
        << "the longest ones are awaited";
}

TEST(DecodeMessage, WhatIsNoJsonObjectIsRefused)
{
    for (const std::string_view text :
         {"", "{", "}", "{]", R"({"a":1)", R"({"a":1}})", R"({"a":1} x)", "[]", "[{}]", "17",
          "null", R"("text")", "nonsense", R"({"a":1e999})", "{\"a\":\"\xff\"}", "\n"})
        EXPECT_EQ(refusal(frame_of_json(text)), "a control message is not a JSON object") << text;
}

TEST(DecodeMessage, DeepNestingIsNoCrash)
{
    EXPECT_THAT(refusal(frame_of_json(std::string(kJsonBytesMax, '['))),
                HasSubstr("not a JSON object"));
    EXPECT_THAT(refusal(frame_of_json(std::string(500'000, '[') + std::string(500'000, ']'))),
                HasSubstr("not a JSON object"));
}

class ChannelPair : public ::testing::Test {
  protected:
    void write(std::span<const std::byte> octets) const
    {
        ASSERT_EQ(::send(left_->fd(), octets.data(), octets.size(), 0),
                  static_cast<ssize_t>(octets.size()));
    }

    std::optional<Channel> left_;
    std::optional<Channel> right_;

  private:
    void SetUp() override
    {
        auto [left, right] = Channel::pair();
        left_.emplace(std::move(left));
        right_.emplace(std::move(right));
    }
};

TEST_F(ChannelPair, BothWays)
{
    left_->send(kMessage);
    right_->send(nlohmann::json{{"type", "answer"}});
    const auto there = right_->receive(kLong);
    const auto back = left_->receive(kLong);
    ASSERT_TRUE(there && back);
    expect_equal(*there, kMessage);
    EXPECT_EQ(back->type(), "answer");
}

TEST_F(ChannelPair, NothingYet)
{
    EXPECT_FALSE(right_->receive(kNow));
    EXPECT_FALSE(right_->receive(Milliseconds(1)));
}

TEST_F(ChannelPair, MessagesComeInOrderHoweverTheStreamIsCut)
{
    for (int i = 0; i < 100; ++i)
        left_->send(nlohmann::json{{"type", "n"}, {"i", i}});
    for (int i = 0; i < 100; ++i) {
        const auto message = right_->receive(kLong);
        ASSERT_TRUE(message);
        EXPECT_EQ(message->body["i"], i);
    }
    EXPECT_FALSE(right_->receive(kNow));
}

TEST_F(ChannelPair, SplitAtEveryByte)
{
    const Bytes octets = encode_message(kMessage);
    for (std::size_t at = 1; at < octets.size(); ++at) {
        write(std::span(octets).first(at));
        ASSERT_FALSE(right_->receive(kNow)) << at;
        write(std::span(octets).subspan(at));
        const auto message = right_->receive(kLong);
        ASSERT_TRUE(message) << at;
        expect_equal(*message, kMessage);
    }
}

/// More than the socket's buffer holds: the sender waits while the receiver reads.
TEST_F(ChannelPair, OctetsOfAMebibyte)
{
    const Message big{.body = {{"type", "digests"}}, .octets = tests::random_bytes(core::kMiB, 3)};
    std::thread sender([&] {
        for (int i = 0; i < 3; ++i)
            left_->send(big);
    });
    for (int i = 0; i < 3; ++i) {
        const auto message = right_->receive(kLong);
        EXPECT_TRUE(message && message->octets == big.octets && message->body == big.body) << i;
    }
    sender.join();
}

TEST_F(ChannelPair, PeerClosed)
{
    left_.reset();
    EXPECT_THROW((void)right_->receive(kLong), ChannelClosed);
    EXPECT_THROW((void)right_->receive(kLong), ChannelClosed) << "and stays so";
    EXPECT_THROW(right_->send(kMessage), ChannelClosed) << "and no SIGPIPE";
}

TEST_F(ChannelPair, LastWordsAreStillRead)
{
    left_->send(kMessage);
    left_->send(nlohmann::json{{"type", "bye"}});
    left_.reset();
    EXPECT_EQ(right_->receive(kLong).value().type(), "note");
    EXPECT_EQ(right_->receive(kLong).value().type(), "bye");
    EXPECT_THROW((void)right_->receive(kLong), ChannelClosed);
}

TEST_F(ChannelPair, ClosedInTheMiddleOfAMessage)
{
    const Bytes octets = encode_message(kMessage);
    write(std::span(octets).first(20));
    left_.reset();
    EXPECT_THROW((void)right_->receive(kLong), ChannelClosed);
}

TEST_F(ChannelPair, ForeignPeer)
{
    write(std::as_bytes(std::span<const char>("SSH-2.0-OpenSSH_9.2\r\n")));
    EXPECT_THAT(thrown<UsageError>([&] { (void)right_->receive(kLong); }),
                HasSubstr("does not speak"));
}

/// The first signal must end the wait. The second one closes the peer, so that an implementation
/// that waits on sees its end instead.
TEST_F(ChannelPair, SignalEndsTheWait)
{
    static volatile std::sig_atomic_t num_signals = 0;
    static int peer = -1;
    peer = left_->fd();

    struct sigaction action {};

    action.sa_handler = [](int) {
        num_signals = num_signals + 1;
        if (num_signals == 2)
            ::shutdown(peer, SHUT_RDWR);
    };

    struct sigaction before {};

    ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
    const itimerval every{.it_interval = {.tv_sec = 0, .tv_usec = 20'000},
                          .it_value = {.tv_sec = 0, .tv_usec = 20'000}};
    const itimerval never{};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &every, nullptr), 0);
    EXPECT_NO_THROW(EXPECT_FALSE(right_->receive(kLong)));
    ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
    ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
    EXPECT_GE(num_signals, 1);
}

} // namespace
} // namespace pagewire::testbed
