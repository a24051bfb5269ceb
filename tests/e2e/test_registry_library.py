"""The registry as an installed library, in a program outside of the tree."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from harness.installed import WARNINGS, install, pkg_config, run
from harness.server import is_stock

pytestmark = pytest.mark.skipif(is_stock(), reason="a library of our program")

PROGRAM = """
#include <iostream>
#include <string_view>

#include <nextgen_kernels/registry/kernel_client_registry.h>

namespace nk = nextgen_kernels;

struct SparkProvisioner {
  static constexpr nk::DeclaredClass<SparkProvisioner> declared_class{.reference = "spark:SparkProvisioner"};
  virtual ~SparkProvisioner() = default;
  virtual nk::ClassReference class_reference() const { return declared_class.reference; }
};
struct BatchProvisioner : SparkProvisioner {
  static constexpr nk::DeclaredClass<BatchProvisioner, SparkProvisioner> declared_class{
      .reference = "spark:BatchProvisioner"};
  nk::ClassReference class_reference() const override { return declared_class.reference; }
};
struct SparkClient {
  static constexpr nk::DeclaredClass<SparkClient> declared_class{.reference = "spark:SparkClient"};
};

int main() {
  nk::KernelClientRegistry registry;
  if (const auto id = registry.register_client<SparkProvisioner, SparkClient>(); !id) {
    std::cerr << id.error().message;
    return 1;
  }
  if (!registry.define_class<BatchProvisioner>(nk::ClassKind::provisioner)) return 1;
  const auto told = [](const auto& resolution) {
    std::cout << resolution->client->to_string() << ", " << nk::to_string(resolution->matched_by) << "\\n";
  };
  told(registry.get_client_for_provisioner<SparkProvisioner>());
  told(registry.get_client_for_provisioner(BatchProvisioner()));
  told(registry.get_client_for_provisioner(*nk::ClassReference::parse("other.module:Provisioner")));
  const auto malformed = registry.register_from_string("nothing", "spark:SparkClient");
  std::cout << (malformed ? "" : malformed.error().message) << "\\n";
}
"""
BUILD = """
cmake_minimum_required(VERSION 3.25)
project(embedding LANGUAGES CXX)
find_package(nextgen_kernels 0.1 REQUIRED COMPONENTS registry)
add_executable(embedding main.cpp)
target_link_libraries(embedding PRIVATE nextgen_kernels::registry)
"""
FALLBACK = "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient"
EXPECTED = [
    "spark:SparkClient, exact",
    "spark:SparkClient, base",
    f"{FALLBACK}, fallback",
]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as a package manager would install it, and nothing else of the tree."""
    return install("registry", tmp_path_factory.mktemp("registry"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write the program."""
    (tmp_path / "main.cpp").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(BUILD)
    return tmp_path


def check(printed: str) -> None:
    """Hold what the program printed to what the registry is to answer."""
    lines = printed.splitlines()
    assert lines[:3] == EXPECTED
    assert "is not a class reference" in lines[3]


@pytest.mark.parametrize("compiler", ["g++-12", "clang++-19"])
def test_a_program_finds_it_with_cmake(prefix: Path, source: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    run(
        *["cmake", "-S", source, "-B", source / "build", f"-DCMAKE_CXX_COMPILER={compiler}"],
        *[f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_FLAGS={WARNINGS}"],
    )
    run("cmake", "--build", source / "build")
    check(run(source / "build" / "embedding"))


def test_a_program_finds_it_with_pkg_config(prefix: Path, source: Path) -> None:
    said = pkg_config(prefix, "nextgen_kernels_registry", "--cflags", "--libs")
    library = next(prefix.rglob("libnextgen_kernels.so")).parent
    run("g++-12", "-std=c++23", *WARNINGS.split(), source / "main.cpp", "-o", source / "embedding", *said)
    check(run(source / "embedding", LD_LIBRARY_PATH=str(library)))


def test_without_the_component_cmake_says_so(source: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    sdk = install("sdk", tmp_path_factory.mktemp("sdk"))
    done = subprocess.run(
        ["cmake", "-S", source, "-B", source / "build", f"-DCMAKE_PREFIX_PATH={sdk}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Its component registry is not installed" in " ".join(done.stderr.split())
