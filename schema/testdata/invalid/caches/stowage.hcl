workspace {
  name = "x"
}

package "a" {
  dockerfile_inline = "FROM scratch"
  cache_from = [
    "UPPER",                                  # ERROR: Bad image reference
    "",                                       # ERROR: Bad cache
    "type=local,dest=x",                      # ERROR: Unknown attribute of a cache
    "type=local",                             # ERROR: Incomplete cache
    "type=inline",                            # ERROR: Unknown type of cache
    "type=regsitry,ref=a",                    # ERROR: Unknown type of cache
    "ref=a",                                  # ERROR: Unknown type of cache
    "type=registry,a",                        # ERROR: Bad cache
    "type=s3,bucket=a",                       # ERROR: Incomplete cache
    "type=s3,bucket=a,region=b,token=c",      # ERROR: Credentials in the configuration
    "type=registry,ref=a,mode=max",           # ERROR: Unknown attribute of a cache
    "type=local,src=a\\b",                    # ERROR: Bad path
    "type=gha,scope=a"
  ]
  cache_to = [
    "type=registry,ref=UPPER",                # ERROR: Bad image reference
    "type=registry,ref=a,mode=all",           # ERROR: Unknown value
    "type=local,src=x",                       # ERROR: Unknown attribute of a cache
    "type=inline,mode=max",                   # ERROR: Unknown attribute of a cache
    "type=azblob,name=a,mode=max"
  ]
}
