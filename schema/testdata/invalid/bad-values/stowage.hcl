workspace {
  name = "x"
}

package "a" {
  network      = "nne"       # ERROR: Unknown value
  cache_mode   = "git"       # ERROR: Unknown value
  pins         = "ignore"    # ERROR: Unknown value
  retries      = 11          # ERROR: Number out of range
  timeout      = "30"        # ERROR: Bad duration
  refresh      = "1ms"       # ERROR: Bad duration
  no_cache     = "maybe"     # ERROR: Wrong type
  ssh          = "default"   # ERROR: Wrong type
  cache_from   = [""]        # ERROR: Bad cache
  labels       = ["x"]       # ERROR: Wrong type
  annotations  = { "" = "x" } # ERROR: Empty name
  target       = ["x"]       # ERROR: Wrong type
  revision     = "a\u0000"   # ERROR: NUL in a string
  args = {
    "A=B" = 1                # ERROR: Bad argument name
    C     = ["x"]            # ERROR: Wrong type
    D     = 1 / 0            # ERROR: Number too large
    E     = file("../x")     # ERROR: Error in function call
    F     = file("/etc/passwd") # ERROR: Error in function call
    G     = file("gone")     # ERROR: Error in function call
    H     = fileset(".", "../../*") # ERROR: Error in function call
    I     = templatefile("gone", {}) # ERROR: Error in function call
  }

  secret "both" { # ERROR: Where is the secret?
    env  = "A"
    file = "b"
  }
  secret "none" { # ERROR: Where is the secret?
  }
  secret "a b" { # ERROR: Bad secret id
    env = "A=B"  # ERROR: Bad environment variable
  }
  attest {
    provenance = "maximum" # ERROR: Unknown value
    scanner    = "UP"      # ERROR: Bad image reference
  }
}

package "b" {
  retries    = 0.5   # ERROR: Number out of range
  depends_on = package.a # ERROR: Wrong type
}
