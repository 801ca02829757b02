package importer

import (
	"context"
	"strings"
	"testing"
)

func dirFrom(dirs ...string) func(Options) (*Result, error) {
	return func(o Options) (*Result, error) { return Dir(context.Background(), o, dirs) }
}

// TestDirShape imports a repository that has Dockerfiles only.
func TestDirShape(t *testing.T) {
	f := newFixture(t, "dir.txtar", nil)
	r := f.write(dirFrom("."))
	f.wantNotes(r)
	var b strings.Builder
	for _, file := range r.Files {
		b.WriteString("[" + file.Path + "]\n" + string(file.Content))
	}
	f.want("files", b.String())
	var list strings.Builder
	for _, p := range f.resolved().Packages {
		list.WriteString(p.Name + " " + p.Declaration.Repository)
		for _, e := range p.Edges {
			list.WriteString(" " + e.To)
		}
		list.WriteString("\n")
	}
	f.want("list", list.String())
}

func TestDirNothing(t *testing.T) {
	f := newFixture(t, "dir.txtar", nil)
	if _, err := Dir(context.Background(), f.options(), []string{"bad", "lib"}); err == nil || !strings.Contains(err.Error(), "bad/Dockerfile:2") {
		t.Errorf("the error is %v", err)
	}
}

func TestDockerfileVariant(t *testing.T) {
	for name, want := range map[string]string{
		"Dockerfile": "", "Containerfile": "", "Dockerfile.dev": "dev", "api.Dockerfile": "api",
		"Dockerfile.dev.arm": "dev-arm", "Containerfile.x": "x",
	} {
		if have, ok := dockerfileVariant(name); !ok || have != want {
			t.Errorf("%s is %q, %t", name, have, ok)
		}
	}
	for _, name := range []string{"Dockerfile.dockerignore", "Dockerfiles", "xDockerfile", "dockerfile.go"} {
		if have, ok := dockerfileVariant(name); ok {
			t.Errorf("%s is %q", name, have)
		}
	}
}
