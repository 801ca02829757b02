# Every night: base images move, and what installs updates is built again.
#
#   stowage lock --upgrade && git commit -m "lock" stowage.lock.hcl
#   stowage apply --push
#
# What the next days would bring:
#
#   stowage plan --at 2030-01-01

workspace {
  name     = "nightly"
  registry = "registry.example/nightly"
}

# The first apply of a day builds it. What is made from it is built if it came
# out otherwise than the day before.
package "base" {
  context = "base"
  refresh = "24h"
}

package "report" {
  context      = "report"
  reproducible = true
  extra_tags   = ["nightly"]

  contexts = {
    base = package.base
  }
}
