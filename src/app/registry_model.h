#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "app/kernel_catalog.h"
#include "base/error.h"

namespace nextgen_kernels {

/// What `registry list --json` prints and `GET /api/nextgen/registry` answers: `mappings`,
/// `fallback_client_class`, `provisioners`, `clients` and `plugins`.
nlohmann::ordered_json registry_model(const KernelCatalog& catalog);

/// Why kernels of a provisioner get the client that they get: for `registry explain` and
/// `GET /api/nextgen/registry/explain`. The provisioner is a name that kernel specs use, or a class
/// reference; with the name of a kernel spec, also of an unavailable one, the answer is for its kernels, else
/// for a kernel of which nothing is known. The name of a kernel spec in place of the provisioner asks for its
/// kernels, of the provisioner that it names. Looks at files.
Result<nlohmann::ordered_json> explain_model(const KernelCatalog& catalog, const std::string& provisioner,
                                             const std::string& kernel_name);

/// `{"problems": [{"subject", "source", "message"}]}`, for `registry doctor` and
/// `GET /api/nextgen/registry/doctor`. Looks at files.
nlohmann::ordered_json doctor_model(const KernelCatalog& catalog);

}  // namespace nextgen_kernels
