#pragma once

#include <string>

#include "wire/message.h"

namespace nextgen_kernels {

/// Prints the outputs of executed code as they come: streams where they belong, results and displays as text,
/// errors with their traceback. Colours only reach a terminal.
class CodeOutput {
 public:
  CodeOutput();

  /// Prints what an iopub message shows; other messages print nothing.
  void print(const Message& message);

 private:
  bool colour_;
};

/// The text without ANSI escape sequences (ECMA-48 CSI).
std::string without_escapes(const std::string& text);

}  // namespace nextgen_kernels
