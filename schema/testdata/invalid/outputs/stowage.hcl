workspace {
  name = "x"
}

package "a" {
  context           = "app"
  dockerfile_inline = "FROM scratch"

  output "lokal" { # ERROR: Unknown type of output
    dest = "a"
  }
  output "registry" { # ERROR: Unknown type of output
    dest = "a"
  }
  output "tar" { # ERROR: Missing attribute
  }
  output "oci" {
    dest = ""        # ERROR: Bad path
    tag  = self.hash # ERROR: Unknown attribute
  }
  output "docker" {
    dest = package.b.tag # ERROR: Package not allowed here
  }
  output "local" {
    dest = "dist"
  }
  output "tar" {
    dest = "./dist/" # ERROR: Duplicate output
  }
  outputs = ["a"] # ERROR: Unknown attribute
}

package "b" {
  context           = "app/sub"
  dockerfile_inline = "FROM scratch"
  output "local" { # ERROR: Output over sources
    dest = "app"
  }
}
