workspace {
  name = "x"
}

workspace { # ERROR: Duplicate workspace block
  name = "y"
}

variable "v" {
  default = 1
}

variable "v" { # ERROR: Duplicate variable
  default = 2
}

locals {
  l = 1
}

locals {
  l = 2 # ERROR: Duplicate local
}

defaults {
}

defaults { # ERROR: Duplicate defaults block
}

package "a" {
  image = "same"
  platforms = ["linux/arm64", "linux/arm64/v8"] # ERROR: Duplicate platform

  platform "linux/arm64" {
  }
  platform "linux/arm64/v8" { # ERROR: Duplicate platform block
  }
  platform "linux/s390x" { # WARNING: Platform block without effect
  }
  secret "s" {
    env = "S"
  }
  secret "s" { # ERROR: Duplicate secret
    env = "S"
  }
  attest {
  }
  attest { # ERROR: Duplicate attest block
  }
}

group "g" {
  packages = []
}

group "g" { # ERROR: Duplicate group
  packages = []
}

registry "r.io" {
}

registry "r.io" { # ERROR: Duplicate registry
}

builder "u" {
  endpoint  = "unix:///x"
  platforms = ["linux/amd64"]
}

builder "u" { # ERROR: Duplicate builder
  endpoint  = "unix:///x"
  platforms = ["linux/amd64"]
}
