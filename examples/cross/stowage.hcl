# Cross-compilation: what compiles runs on the builder's own platform, whatever
# platform it compiles for, so that nothing is emulated.

workspace {
  name      = "cross"
  registry  = "registry.example/cross"
  platforms = ["linux/amd64", "linux/arm64", "linux/riscv64"]
}

# The compiler with its flags, for the platforms that builders have.
package "toolchain" {
  context   = "tool"
  platforms = ["linux/amd64", "linux/arm64"]
}

package "hello" {
  context = "image"
}
