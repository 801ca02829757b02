package "lint-go" {}
