workspace {
  name = "x"
}

package "good" {
  args = { A = package.lost.ref, B = local.gone } # declared in the broken file
  pins = "x" # ERROR: Unknown value
}
