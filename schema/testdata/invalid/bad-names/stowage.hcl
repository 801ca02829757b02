
workspace {
  name      = "no spaces"    # ERROR: Bad workspace name
  registry  = "https://x.io" # ERROR: Bad registry
  platforms = ["linux/amd64", "linux"]    # ERROR: Bad platform
}

package "9lives" { # ERROR: Bad package name
}

package "a" {
  image      = "App"       # ERROR: Bad image name
  tag        = ".v1"       # ERROR: Bad tag
  extra_tags = ["ok", "a b"]  # ERROR: Bad tag
  platforms  = ["linux/amd46", "lniux/amd64", "*"] # ERROR: Bad platform # ERROR: Bad platform # ERROR: Bad platform

  platform "linux/amdd64" { # ERROR: Bad platform
  }
}

package "b" {
  image     = "b:v1" # ERROR: Bad image name
  platforms = []     # ERROR: No platforms
}

package "c" {
  for_each = toset(["a b"]) # ERROR: Bad instance key
}

package "d" {
  for_each = ["a"] # ERROR: Bad for_each
}

package "e" {
  for_each = null # ERROR: Bad for_each
}

variable "a b" { # ERROR: Bad variable name
  default = 1
}

group "9" { # ERROR: Bad group name
  packages = []
}
