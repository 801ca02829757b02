package importer

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func linuxkitFrom(dirs ...string) func(Options) (*Result, error) {
	return func(o Options) (*Result, error) { return LinuxKit(context.Background(), o, dirs) }
}

// services are packages like most of linuxkit's.
func services(count int, format string, build, dockerfile string) map[string]string {
	files := map[string]string{}
	for i := range count {
		dir := fmt.Sprintf(format, i)
		name := dir[strings.LastIndex(dir, "/")+1:]
		text := fmt.Sprintf(build, name)
		if i%3 == 0 {
			text += "config:\n  binds:\n    - /run:/run\n  capabilities:\n    - all\n"
		}
		if i%5 == 0 {
			text += "network: true\n"
		}
		files[dir+"/build.yml"] = text
		files[dir+"/Dockerfile"] = dockerfile
		files[dir+"/main.c"] = name
	}
	return files
}

// TestLinuxKitShape imports a repository like linuxkit's.
func TestLinuxKitShape(t *testing.T) {
	f := newFixture(t, "linuxkit.txtar", services(60, "pkg/svc-%02d", "image: %s\n",
		"FROM linuxkit/alpine:@TREE(tools/alpine)@ AS mirror\nFROM scratch\nCOPY --from=mirror /out/ /\nCOPY main.c /\n"))
	f.commit()
	extra := map[string]string{f.joined("pkg/net-tool", "src/lib", "src/notice.txt"): "<pkg/net-tool src/lib src/notice.txt>"}
	r := f.write(linuxkitFrom("."))
	f.wantNotes(r)
	f.wantFiles(r, "stowage.hcl", "pkg/initd/stowage.hcl", "pkg/net-tool/stowage.hcl", "pkg/svc-00/stowage.hcl", "tools/maker/stowage.hcl", "kernel/common/stowage.hcl")
	list := f.describe(f.resolved(), extra)
	f.want("list", list)
	f.commit()
	if again := f.describe(f.resolved(), extra); again != list {
		t.Errorf("once the configuration is committed, packages are\n%s", again)
	}
}

// TestEveShape imports a repository like eve's.
func TestEveShape(t *testing.T) {
	f := newFixture(t, "eve.txtar", services(40, "pkg/tool-%02d", "image: eve-%s\norg: lfedge\n",
		"FROM lfedge/eve-alpine:@TREE(pkg/alpine)@ AS build\nFROM scratch\nCOPY --from=build /out/ /\nCOPY main.c /\n"))
	f.commit()
	r := f.write(linuxkitFrom("pkg", "other"))
	f.wantNotes(r)
	f.wantFiles(r, "stowage.hcl", "pkg/alpine/stowage.hcl", "pkg/pillar/stowage.hcl", "pkg/fw/stowage.hcl", "pkg/mixed/stowage.hcl", "pkg/eve/stowage.hcl", "pkg/tool-00/stowage.hcl")
	list := f.describe(f.resolved(), nil)
	f.want("list", list)
	f.commit()
	if again := f.describe(f.resolved(), nil); again != list {
		t.Errorf("once the configuration is committed, packages are\n%s", again)
	}
	// A template that has been made into a Dockerfile brings its edges.
	f.put("pkg/eve/Dockerfile", "FROM lfedge/eve-uefi:"+f.withoutConfig("pkg/uefi")+" AS uefi\nFROM scratch\nCOPY --from=uefi / /\n")
	if made := f.describe(f.resolved(), nil); !strings.Contains(made, "eve docker.io/lfedge/eve:<pkg/eve> linux/amd64,linux/arm64,linux/riscv64 eve-uefi\n") {
		t.Errorf("with pkg/eve/Dockerfile, packages are\n%s", made)
	}
}

// TestLinuxKitArchives: images for the context are blocks where the schema has
// them.
func TestLinuxKitArchives(t *testing.T) {
	f := newFixture(t, "linuxkit.txtar", services(3, "pkg/svc-%02d", "image: %s\n", "FROM scratch\nCOPY main.c /\n"))
	l := &linuxkit{workspace: newWorkspace(f.options()), names: nameSet{}}
	for _, name := range []string{"pkg/saved/build.yml", "pkg/saved-list/build.yml"} {
		if err := l.read(name); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	for _, p := range l.packages {
		n := block("package", p.Image, position{})
		l.addArchives(p, n)
		b.WriteString(n.text())
	}
	f.want("archives", b.String())
}

// TestLinuxKitOutsideGit: there are no tree ids.
func TestLinuxKitOutsideGit(t *testing.T) {
	f := newFixture(t, "eve.txtar", nil)
	f.git("init", "-q")
	r := f.write(linuxkitFrom("pkg/pillar"))
	if len(r.Notes) == 0 || !strings.Contains(r.Notes[0].Text, "no git repository") {
		t.Errorf("notes are %v", r.Notes)
	}
	for _, p := range f.resolved().Packages {
		if strings.Contains(p.Ref(), "<") || p.CacheMode == "git-tree" {
			t.Errorf("%s is %s", p.Name, p.Ref())
		}
	}
}

// TestLinuxKitUncommitted: what HEAD does not have has no tree id.
func TestLinuxKitUncommitted(t *testing.T) {
	f := newFixture(t, "eve.txtar", nil)
	f.commit()
	f.put("pkg/new/build.yml", "image: eve-new\norg: lfedge\n")
	f.put("pkg/new/Dockerfile", "FROM scratch\nCOPY . /\n")
	r := f.write(linuxkitFrom("pkg/new"))
	if len(r.Notes) != 1 || r.Notes[0].File != "pkg/new/build.yml" || r.Notes[0].Line != 1 {
		t.Errorf("notes are %v", r.Notes)
	}
	f.resolved()
}

func TestLinuxKitNothing(t *testing.T) {
	f := newFixture(t, "linuxkit.txtar", nil)
	if _, err := LinuxKit(context.Background(), f.options(), []string{"ci"}); err == nil || !strings.Contains(err.Error(), "ci/build.yml") {
		t.Errorf("the error is %v", err)
	}
	if _, err := LinuxKit(context.Background(), f.options(), []string{"nowhere"}); err == nil {
		t.Error("a directory that is not there is no error")
	}
}

// TestParseTag: templates become expressions that give what the template does.
func TestParseTag(t *testing.T) {
	hash := "0123456789abcdef0123456789abcdef01234567"
	for text, want := range map[string][2]string{
		"{{.Hash}}":                            {"", hash},
		"{{ .Hash }}-dev":                      {`"${self.hash}-dev"`, hash + "-dev"},
		"v1-{{.Hash}}":                         {`"v1-${self.hash}"`, "v1-" + hash},
		"stable":                               {`"stable"`, "stable"},
		"a{{/* why */}}b":                      {`"ab"`, "ab"},
		"{{.Hash}}{{.Hash}}":                   {`"${self.hash}${self.hash}"`, hash + hash},
		"{{ slice .Hash 0 7 }}":                {`"${substr(self.hash, 0, 7)}"`, "0123456"},
		"x{{slice .Hash 36}}":                  {`"x${substr(self.hash, 36, -1)}"`, "x4567"},
		`{{ printf "v%%-%.4s.%s" .Hash "x" }}`: {`"v%-${substr(self.hash, 0, 4)}.x"`, "v%-0123.x"},
		`{{ print (slice .Hash 1 3) }}`:        {`"${substr(self.hash, 1, 2)}"`, "12"},
		"{{":                                   {"it is no template that can be written as an expression"},
		"{{ .Hash | print }}":                  {"{{.Hash | print}} cannot be written as an expression"},
		"{{ call .Hash }}":                     {"it is no template that can be written as an expression"},
		"{{ .Other }}":                         {"{{.Other}} cannot be written as an expression"},
		"{{ if .Hash }}x{{ end }}":             {"{{if .Hash}}x{{end}} cannot be written as an expression"},
		"{{ slice .Hash 7 3 }}":                {"{{slice .Hash 7 3}} cannot be written as an expression"},
		`{{ printf "%d" .Hash }}`:              {`{{printf "%d" .Hash}} cannot be written as an expression`},
		`{{ printf "%s" }}`:                    {`{{printf "%s"}} cannot be written as an expression`},
	} {
		parts, err := parseTag(text)
		have := [2]string{parts.expression(), parts.with(hash)}
		if err != nil {
			have = [2]string{err.Error()}
		}
		if have != want {
			t.Errorf("%q is %q and not %q", text, have, want)
		}
	}
}
