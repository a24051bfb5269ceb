#pragma once

#include <string>
#include <string_view>

namespace nextgen_kernels {

class Message;

/// The whole unmasked WebSocket frame of a message in Jupyter Server's "default" protocol: a text frame, or a
/// binary one when the message has buffers. Byte for byte what Jupyter Server sends, except that the parts
/// are spliced in as the kernel wrote them, and that what makes browsers fail is repaired (only when found):
/// see `repair_json`; a part beyond repair or not an object becomes `{}`, and header fields that JupyterLab
/// requires are filled in.
std::string encode_legacy_frame(const Message& message);

/// The same JSON alone, in one line, with the buffers in base64 (RFC 4648 §4).
std::string encode_json_line(const Message& message);

}  // namespace nextgen_kernels
