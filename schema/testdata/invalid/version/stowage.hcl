workspace {
  name             = "x"
  required_version = ">= 99" # ERROR: Wrong version of Stowage
  futuristic       = true
}
