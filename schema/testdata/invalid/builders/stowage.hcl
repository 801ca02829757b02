workspace {
  name = "x"
}

builder "a" {
  endpoint  = "tpc://x"   # ERROR: Bad endpoint
  platforms = []          # ERROR: No platforms
  slots     = 0           # ERROR: Number out of range
}

builder "b" { # ERROR: Missing attribute
  native = "linux/arm64"
}

builder "d" {
  endpoint = "tcp://"    # ERROR: Bad endpoint
}

builder "c" {
  endpoint  = "unix:///x"
  platforms = ["linux/amd64"]
  native    = "linux/arm64"  # ERROR: Native platform not listed
  tls { # ERROR: TLS without TCP # ERROR: Incomplete client certificate
    cert = "x"
  }
  tls { # ERROR: Duplicate tls block
  }
}

builder "a b" { # ERROR: Bad builder name
  endpoint  = "unix:///x"
  platforms = ["linux/amd64"]
  native    = package.x.name # ERROR: Package not allowed here
}

registry "https://x.io" { # ERROR: Bad registry host
  mirrors                 = ["http://y"] # ERROR: Bad mirror
  max_requests_per_second = -1 # ERROR: Number out of range
  insecure                = [] # ERROR: Wrong type
}
