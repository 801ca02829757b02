workspace {
  name = "x"
}

package "a" {
  dockerfile_inline = "FROM scratch"
  contexts = {
    a = "oci-layout://x"                                                   # ERROR: No such directory
    b = "https://example.com/x"                                            # ERROR: Context without a pin
    c = "s3://bucket"                                                      # ERROR: Unknown kind of context
    d = "docker-image://UPPER"                                             # ERROR: Bad image reference
    e = "https://example.com/x.git#main"                                   # ERROR: Context without a pin
    f = "git@example.com:x.git"                                            # ERROR: Context without a pin
    g = "https://example.com/x.git#0123456789012345678901234567890123456789:../y" # ERROR: Bad path
    h = "https://me:pw@example.com/x.git#0123456789012345678901234567890123456789" # ERROR: Credentials in a URL
    i = "ssh://git@example.com/x.git?ref=1#0123456789012345678901234567890123456789" # ERROR: Bad context
    j = "http:///x#sha256:0123456789012345678901234567890123456789012345678901234567890123" # ERROR: Bad context
    k = "oci-layout://.@sha256:1"                                          # ERROR: Bad context
    l = "oci-layout://.:a/b"                                               # ERROR: Bad path
    m = "oci-layout://../x@sha256:0123456789012345678901234567890123456789012345678901234567890123" # ERROR: Path outside of the workspace
    n = "target:b"                                                         # ERROR: Unknown kind of context
    o = "ssh://git@example.com/x.git#0123456789012345678901234567890123456789"
  }
}

package "b" {
  dockerfile_inline = "FROM scratch"
  context           = "https://example.com/x.git" # ERROR: Bad context
}

package "c" {
  dockerfile_inline = "FROM scratch"
  allow_outside     = true
  contexts = {
    m = "oci-layout://../x" # ERROR: Context without a pin
  }
}
