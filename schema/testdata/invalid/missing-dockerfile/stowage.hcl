workspace {
  name = "x"
}

package "a" { # ERROR: Missing Dockerfile
}

package "b" {
  dockerfile = "build/Dockerfile" # ERROR: Missing Dockerfile
}

package "c" {
  dockerfile = "../Dockerfile" # ERROR: Bad Dockerfile path
}

package "d" {
  dockerfile        = "Dockerfile"
  dockerfile_inline = "FROM scratch" # ERROR: Two Dockerfiles
}

package "e" {
  dockerfile_inline = "" # ERROR: Empty Dockerfile
}

package "f" {
  dockerfile = "sub" # ERROR: Missing Dockerfile
}
