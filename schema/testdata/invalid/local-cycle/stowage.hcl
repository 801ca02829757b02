workspace {
  name = "x"
}

locals {
  a = "${local.b}!"  # ERROR: Cycle of locals
  b = local.c
  c = [local.a]
  d = local.d        # ERROR: Cycle of locals
  e = local.a        # follows from the first: not reported
}

package "p" {
  args = { A = local.a, E = local.e }
}
