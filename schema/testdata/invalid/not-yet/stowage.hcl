workspace {
  name = "x"
}

package "a" {
  sign {        # ERROR: "sign" is not supported yet
  }
  output = "x"  # ERROR: "output" is not supported yet
}

output "x" { # ERROR: "output" is not supported yet
}
