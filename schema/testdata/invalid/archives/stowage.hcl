workspace {
  name = "x"
}

locals {
  x = "docker.io/library/x@sha256:0123456789012345678901234567890123456789012345678901234567890123"
}

package "a" {
  archive "none.tar" { # ERROR: Archive without images
  }
  archive "empty.tar" {
    images = [] # ERROR: Archive without images
  }
  archive "../outside.tar" { # ERROR: Bad archive path
    images = [local.x]
  }
  archive "/" { # ERROR: Bad archive path
    images = [local.x]
  }
  archive "twice.tar" {
    images = [
      local.x,
      "x@sha256:0123456789012345678901234567890123456789012345678901234567890123", # ERROR: Image listed twice
    ]
  }
  archive "./twice.tar" { # ERROR: Duplicate archive
    images = [local.x]
  }
  archive "images.tar" {
    images = [
      "docker.io/library/x:1", # ERROR: Image without a digest
      "x/b:1",                 # ERROR: Image without a digest
      "UPPER@sha256:0",        # ERROR: Bad image reference
    ]
    format = "zip" # ERROR: Unknown value
    names  = []    # ERROR: Unknown attribute
  }
  archive "self.tar" {
    images = [package.a.ref] # ERROR: Package refers to itself
  }
}
