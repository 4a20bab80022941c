#include "mlx/launch/line_buffer.h"

#include <gmock/gmock.h>

namespace mlx::launch {
namespace {

using Mode = LineBuffer::Mode;

struct Step {
  std::string bytes;  // what the rank writes
  std::string text;   // what is shown then
  bool open = false;
};

void expect_steps(LineBuffer lines, const std::vector<Step>& steps, const std::string& rest) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const Shown shown = lines.take(steps[i].bytes);
    EXPECT_EQ(shown.text, steps[i].text) << "in step " << i;
    EXPECT_EQ(shown.open, steps[i].open) << "in step " << i;
  }
  EXPECT_EQ(lines.finish().text, rest);
}

TEST(LineBuffer, PassesOnWholeLines) {
  expect_steps(LineBuffer(Mode::lines),
               {{"ab", ""}, {"c\nd", "abc\n"}, {"", ""}, {"e\n\nf\n", "de\n\nf\n"}, {"g\rh", ""}},
               "g\rh\n");
}

TEST(LineBuffer, AddsNothingAfterALineEnd) {
  expect_steps(LineBuffer(Mode::lines), {{"a\n", "a\n"}}, "");
}

TEST(LineBuffer, TagsEveryLine) {
  expect_steps(LineBuffer(Mode::lines, "[1]: "),
               {{"a", ""}, {"b\n\nc\nd", "[1]: ab\n[1]: \n[1]: c\n"}}, "[1]: d\n");
}

TEST(LineBuffer, PassesOnEveryByteAtOnceWhenRaw) {
  expect_steps(LineBuffer(Mode::raw), {{"(gdb) ", "(gdb) "}, {"x\ny", "x\ny"}}, "");
}

TEST(LineBuffer, ShowsAProgressBarWhileItGrows) {
  expect_steps(LineBuffer(Mode::live),
               {{"start\nno bar", "start\n"},
                {" yet\n\r 10%", "no bar yet\n\r 10%", true},
                {" of 9", " of 9", true},
                {"\r 20%", "\r 20%", true},
                {" done\nnext", " done\n"}},
               "next\n");
}

TEST(LineBuffer, ClosesAnUnfinishedBarAtTheEnd) {
  expect_steps(LineBuffer(Mode::live), {{"10%\r", "10%\r", true}}, "\n");
}

TEST(LineBuffer, KnowsHowTheBarLooks) {
  LineBuffer lines(Mode::live);
  lines.take("\r10%\r20%");
  EXPECT_EQ(lines.open_line(), "\r20%");
  lines.take("\r30");
  lines.take("%");
  EXPECT_EQ(lines.open_line(), "\r30%");
  lines.take("\r");
  EXPECT_EQ(lines.open_line(), "\r30%\r");
}

TEST(LineBuffer, PassesOnALineThatIsTooLongInPieces) {
  LineBuffer lines(Mode::lines);
  const std::string piece(LineBuffer::kLongestLine / 2, 'x');
  EXPECT_EQ(lines.take(piece).text, "");
  EXPECT_EQ(lines.take(piece).text, "");
  EXPECT_EQ(lines.take("y").text.size(), LineBuffer::kLongestLine + 1);
  EXPECT_EQ(lines.take("z\n").text, "z\n");
}

}  // namespace
}  // namespace mlx::launch
