package "app" {
}
