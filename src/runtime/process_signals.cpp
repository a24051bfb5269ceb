#include "runtime/process_signals.h"

#include <signal.h>

namespace nextgen_kernels {

void reset_inherited_signals() {
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace nextgen_kernels
