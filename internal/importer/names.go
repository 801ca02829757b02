package importer

import (
	"fmt"
	"regexp"
	"strings"
)

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// blockName makes a name that blocks and workspaces may have.
func blockName(s string) string {
	s = strings.Trim(notInName.ReplaceAllString(s, "-"), "-")
	if s == "" {
		return "root"
	}
	if first := s[0] | 0x20; first < 'a' || first > 'z' {
		s = "x" + s
	}
	return s
}

// nameSet hands out names, each once.
type nameSet map[string]bool

// take returns the first candidate that is free, or the last with a number.
func (n nameSet) take(candidates ...string) string {
	name := ""
	for _, c := range candidates {
		if name = blockName(c); !n[name] {
			n[name] = true
			return name
		}
	}
	for i := 2; ; i++ {
		if numbered := fmt.Sprintf("%s-%d", name, i); !n[numbered] {
			n[numbered] = true
			return numbered
		}
	}
}
