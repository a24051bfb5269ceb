#pragma once

/// The version of the headers that a plugin is compiled with.
#define NEXTGEN_KERNELS_SDK_VERSION "0.1.0"
