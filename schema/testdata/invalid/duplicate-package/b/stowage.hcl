package "app" { # ERROR: Duplicate package
}
