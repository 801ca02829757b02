workspace {
  name = "x"
}

variable "version" {
  default = "1"
}

locals {
  commit = "x"
}

package "base" {
}

package "app" {
  args = {
    A = package.bsae.ref     # ERROR: Unknown package
    B = package.base.rev     # ERROR: Unknown attribute of a package
    C = var.verson           # ERROR: Unknown variable
    D = local.comit          # ERROR: Unknown local
    E = version              # ERROR: Unknown name
    F = packages.base.ref    # ERROR: Unknown name
    G = self.hash            # ERROR: self.hash not allowed here
    H = each.key             # ERROR: each not allowed here
    I = package.base["x"]    # ERROR: Package has no instances
    J = package.many.ref     # ERROR: Package has instances
    K = package.many["z"].ref # ERROR: Unknown instance
    L = package              # ERROR: Package without a name
    M = try(package.nope, 1) # ERROR: Unknown package
    N = self.nam             # ERROR: Unknown attribute of self
    O = upcase("x")          # ERROR: Call to unknown function
    P = env("HOME")          # ERROR: Error in function call
    Q = timestamp()          # ERROR: Error in function call
    R = git_commit()         # ERROR: Error in function call
    S = package.app.ref      # ERROR: Package refers to itself
    T = package.many         # ERROR: Wrong type
    U = [for k in ["x"] : package.many[k].ref][1] # ERROR: Invalid index
    V = count.index          # ERROR: Unknown name
  }
  contexts = {
    many  = package.many     # ERROR: Package has instances
    text  = package.base.name # ERROR: No such directory
  }
  depends_on = [
    package.many,
    "base",                  # ERROR: Not a package
    package.base.ref,        # ERROR: Not a package
  ]
}

package "many" {
  for_each = toset(["x", "y"])
  args = {
    A = each.kye # ERROR: Unknown attribute of each
    B = package.many[each.key].ref # ERROR: Package refers to itself
  }
}

package "early" {
  for_each  = toset([package.base.name]) # ERROR: Package not allowed here
}

package "early2" {
  image     = package.base.name   # ERROR: Package not allowed here
  platforms = package.base.platforms # ERROR: Package not allowed here
  tag       = "${local.late}-${self.hash}"
}

package "early3" {
  image = "x-${local.late}" # ERROR: Package not allowed here
}

package "early4" {
  image = self.image # ERROR: self.image not allowed here
}

locals {
  late = package.base.tag
  bad  = package.nope.tag # ERROR: Unknown package
}

group "g" {
  packages = ["app", "bsae", "x*", "@gg", package.base, 7] # ERROR: Unknown package # WARNING: Pattern matches nothing # ERROR: Unknown group # ERROR: Wrong type
}

group "c1" { # ERROR: Cycle of groups
  packages = ["@c2"]
}

group "c2" { # ERROR: Cycle of groups
  packages = ["@c1"]
}
