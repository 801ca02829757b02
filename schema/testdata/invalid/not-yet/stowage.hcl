workspace {
  name = "x"
}

package "a" {
  sign {        # ERROR: "sign" is not supported yet
  }
  output = "x"  # ERROR: Unknown attribute
}

output "x" { # ERROR: Unknown block
}
