package "lost" {
  args = { # the object is never closed
}
