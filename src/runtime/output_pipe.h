#pragma once

#include <cstdint>

#include <sys/types.h>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace nextgen_kernels {

/// What becomes of a child when this process ends without ending it.
enum class ChildLifetime {
  ours,  ///< It writes to a pipe that nobody reads: SIGPIPE, as programs expect it.
  own,   ///< It goes on; its output waits in the pipe for who takes it over.
};

/// The pipe that the output of a child goes through.
struct OutputPipe {
  FileDescriptor read_end;
  FileDescriptor write_end;  ///< For the child.
  std::uint64_t inode = 0;   ///< By which another process finds it among the descriptors of the child.
};

Result<OutputPipe> make_output_pipe(ChildLifetime lifetime);

/// The inode of the pipe that is a process's standard output; 0 when that is none.
std::uint64_t find_output_pipe(pid_t pid);

/// Another read end of the pipe with this inode that a process has open; none when it has no such pipe (any
/// more).
FileDescriptor open_output_pipe(pid_t pid, std::uint64_t inode);

}  // namespace nextgen_kernels
