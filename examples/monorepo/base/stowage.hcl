package "base" {}
