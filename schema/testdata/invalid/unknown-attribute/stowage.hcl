workspace {
  name = "x"
}

package "a" {
  contxt = "."      # ERROR: Unknown attribute
  count  = 2        # ERROR: Unknown attribute
  secret = "x"      # ERROR: Unknown attribute
  build_args = {}   # ERROR: Unknown attribute
  registry = "x"    # ERROR: Unknown attribute
  zzz = 1           # ERROR: Unknown attribute
  args {            # ERROR: Unknown block
    A = 1
  }
  plattform "linux/amd64" { # ERROR: Unknown block
  }
  platform "linux/amd64" {
    argz = {}       # ERROR: Unknown attribute
  }
}

pakage "b" { # ERROR: Unknown block
}

builder "b" {
  endpoint  = "unix:///x"
  platforms = ["linux/amd64"]
  slot      = 1 # ERROR: Unknown attribute
}
