#pragma once

namespace nextgen_kernels {

/// Gives this process the signal settings that its code relies on, whatever its parent passed on: no signal
/// is blocked; SIGCHLD is not ignored, since the system would then collect children before their exit status
/// is read; SIGTERM is not ignored, since it could not end the program. SIGHUP stays ignored under nohup.
/// Call it before the first thread starts: threads inherit the mask.
void reset_inherited_signals();

}  // namespace nextgen_kernels
