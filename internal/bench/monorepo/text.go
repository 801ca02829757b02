package monorepo

import (
	"fmt"
	"strings"
)

func (s Shape) rootConfig() string {
	return fmt.Sprintf("workspace {\n  name      = \"bench\"\n  registry  = %q\n  platforms = [%s]\n}\n", s.registry(), s.quotedPlatforms())
}

func (s Shape) quotedPlatforms() string {
	return `"` + strings.Join(s.platforms(), `", "`) + `"`
}

// contextOf is the directory of a package.
func contextOf(name string) string { return "pkg/" + name }

// version gives packages different arguments.
func version(i int) string { return fmt.Sprintf("1.%d.%d", i%7, i) }

func packageConfig(name string, i int) string {
	return fmt.Sprintf(`package %q {
  args = {
    VERSION = %q
  }
  labels = {
    "org.opencontainers.image.title" = self.name
  }
}
`, name, version(i))
}

// dockerfile takes the first package that is needed as the base, and copies
// from the others.
func (s Shape) dockerfile(packages []Package, i int) string {
	var out strings.Builder
	out.WriteString("ARG VERSION\n")
	base := "scratch"
	needs := packages[i].Needs
	if len(needs) > 0 {
		base = s.registry() + "/" + packages[needs[0]].Name
		needs = needs[1:]
	}
	fmt.Fprintf(&out, "FROM %s\n", base)
	for _, n := range needs {
		fmt.Fprintf(&out, "COPY --from=%s/%s /src /deps/%s\n", s.registry(), packages[n].Name, packages[n].Name)
	}
	if s.Program != nil && base == "scratch" {
		out.WriteString("COPY busybox /bin/busybox\n")
	}
	out.WriteString("COPY src /src\n")
	if s.Program != nil {
		fmt.Fprintf(&out, "RUN [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox cat /src/* > /built-%s\"]\n", packages[i].Name)
	}
	return out.String()
}

// bakeFile declares the same packages as bake's targets. Bake does not read
// Dockerfiles for names of other targets: they are given as contexts.
func (s Shape) bakeFile(packages []Package) string {
	var out strings.Builder
	out.WriteString("group \"default\" {\n  targets = [\n")
	for _, p := range packages {
		fmt.Fprintf(&out, "    %q,\n", p.Name)
	}
	out.WriteString("  ]\n}\n")
	for i, p := range packages {
		fmt.Fprintf(&out, `
target %q {
  context   = %q
  platforms = [%s]
  tags      = [%q]
  args = {
    VERSION = %q
  }
  labels = {
    "org.opencontainers.image.title" = %q
  }
`, p.Name, contextOf(p.Name), s.quotedPlatforms(), s.registry()+"/"+p.Name+":latest", version(i), p.Name)
		out.WriteString("  contexts = {\n")
		for _, n := range p.Needs {
			fmt.Fprintf(&out, "    \"%s/%s\" = \"target:%s\"\n", s.registry(), packages[n].Name, packages[n].Name)
		}
		out.WriteString("  }\n}\n")
	}
	return out.String()
}
