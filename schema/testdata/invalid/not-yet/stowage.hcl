workspace {
  name = "x"
}

package "a" {
  sign {        # ERROR: "sign" is not supported yet
  }
  output = "x"  # ERROR: "output" is not supported yet
  contexts = {
    a = "oci-layout://x"         # ERROR: "oci-layout context" is not supported yet
    b = "https://example.com/x"  # ERROR: "https context" is not supported yet
    c = "s3://bucket"            # ERROR: Unknown kind of context
    d = "docker-image://UPPER"   # ERROR: Bad image reference
  }
}

output "x" { # ERROR: "output" is not supported yet
}
