workspace {
  name = "x"
}

defaults {
  for_each = {}           # ERROR: Unknown attribute
  network  = "off"        # ERROR: Unknown value
  args     = {
    BASE = package.base.ref # ERROR: Package refers to itself
    KEY  = each.key       # ERROR: each not allowed here
  }
}

package "base" {
}
