package "a" {
}
