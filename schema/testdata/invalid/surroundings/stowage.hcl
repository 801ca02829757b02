workspace {
  name = "x"
}

package "a" {
  dockerfile_inline = "FROM scratch"
  shm_size          = "much" # ERROR: Bad size
  ulimits = [
    "nofile",          # ERROR: Bad limit
    "nofiles=1",       # ERROR: Bad limit
    "nofile=2:1",      # ERROR: Bad limit
    "core=1", "core=2" # ERROR: Duplicate limit
  ]
  extra_hosts = {
    "a b" = "10.0.0.1"     # ERROR: Bad host name
    a     = "host-gateway" # ERROR: Bad address
    b     = "fe80::1%eth0" # ERROR: Bad address
    c     = ["10.0.0.1"]   # ERROR: Wrong type
  }
  cgroup_parent   = "../other"       # ERROR: Bad control group
  no_cache_stages = ["a,b", "right"] # ERROR: Bad stage name
  pull            = "always"         # ERROR: Wrong type
  no_cache_filter = ["a"]            # ERROR: Unknown attribute
}

package "b" {
  dockerfile_inline = "FROM scratch"
  shm_size          = "2t" # ERROR: Bad size
}
