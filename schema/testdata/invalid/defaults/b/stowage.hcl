package "b" {
  network = "none"
  args = { BASE = "x" }
}
