workspace {
  name = "x"
}

package "a" {
  context = "../elsewhere" # ERROR: Path outside of the workspace
}

package "b" {
  context = "/etc" # ERROR: Bad path
}

package "c" {
  context = "nope" # ERROR: No such directory
}

package "d" {
  context = "Dockerfile" # ERROR: Not a directory
}

package "e" {
  context = "docker-image://alpine" # ERROR: Bad context
  contexts = {
    up    = "../x"   # ERROR: Path outside of the workspace
    gone  = "gone"   # ERROR: No such directory
    "a b" = "."      # ERROR: Bad context name
    back  = "a\\b" # ERROR: Bad path
    empty = ""       # ERROR: Empty path
  }

  source "../../x" { # ERROR: Path outside of the workspace
  }
  source "gone" { # ERROR: No such source
  }
  source "Dockerfile" {
    to      = "../up" # ERROR: Bad target
    include = ["["]   # ERROR: Bad pattern
  }
  secret "a" {
    file = "../key" # ERROR: Path outside of the workspace
  }
}

package "ok" {
  context           = "../elsewhere"
  allow_outside     = true
  dockerfile_inline = "FROM scratch"
}
