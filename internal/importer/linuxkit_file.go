package importer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// buildFile is what a build.yml may say: the fields of linuxkit's pkginfo, and
// those that earlier versions had.
type buildFile struct {
	Image        string       `yaml:"image"`
	Org          string       `yaml:"org"`
	Tag          string       `yaml:"tag"`
	Dockerfile   string       `yaml:"dockerfile"`
	Arches       []string     `yaml:"arches"`
	ExtraSources []string     `yaml:"extra-sources"`
	GitRepo      string       `yaml:"gitrepo"`
	Network      bool         `yaml:"network"`
	DisableCache bool         `yaml:"disable-cache"`
	Trust        *bool        `yaml:"disable-content-trust"`
	Config       *imageConfig `yaml:"config"`
	BuildArgs    []string     `yaml:"buildArgs"`
	Depends      struct {
		DockerImages dockerImages `yaml:"docker-images"`
	} `yaml:"depends"`

	path string
	// lines are where fields, and elements of lists, are: gitrepo, arches.0,
	// depends.docker-images.list.
	lines map[string]int
}

type dockerImages struct {
	TargetDir string   `yaml:"target-dir"`
	Target    string   `yaml:"target"`
	FromFile  string   `yaml:"from-file"`
	List      []string `yaml:"list"`
}

// newBuildFile has linuxkit's defaults.
func newBuildFile(name string) *buildFile {
	return &buildFile{
		Org: "linuxkit", Arches: []string{"amd64", "arm64", "riscv64"}, Tag: "{{.Hash}}", Dockerfile: "Dockerfile",
		path: name, lines: map[string]int{},
	}
}

// isBuildFile recognises build.yml and its variants.
func isBuildFile(name string) bool {
	return name == "build.yml" || strings.HasPrefix(name, "build-") && strings.HasSuffix(name, ".yml")
}

// variant is the part of the name that tells variants apart: dev of
// build-dev.yml, "" of build.yml.
func (f *buildFile) variant() string {
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(path.Base(f.path), ".yml"), "build"), "-")
}

func (f *buildFile) dir() string { return path.Dir(f.path) }

// at is where a field is; where the image is named if it is not there.
func (f *buildFile) at(field string) position {
	return position{f.path, cmp.Or(f.lines[field], f.lines["image"])}
}

// has reports whether the file says something of a field.
func (f *buildFile) has(field string) bool { return f.lines[field] > 0 }

// readBuildFile reads one build file. What is wrong in it is noted; it is nil
// if there is no package in it.
func readBuildFile(fsys fs.FS, name string, n *notes) (*buildFile, error) {
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	f := newBuildFile(name)
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		n.add(position{name, yamlLine(err.Error())}, "not carried over: no YAML: %s", withoutLine(err.Error()))
		return nil, nil
	}
	f.note(&doc, "")
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		noteYAML(n, name, err)
	}
	if f.Image == "" {
		n.add(position{name, 0}, "not carried over: it has no image, so it is no package of linuxkit")
		return nil, nil
	}
	return f, nil
}

// note remembers the lines of a node and of what is in it.
func (f *buildFile) note(n *yaml.Node, field string) {
	at := func(key string) string { return strings.TrimPrefix(field+"."+key, ".") }
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			f.note(c, field)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := at(n.Content[i].Value)
			f.lines[key] = n.Content[i].Line
			f.note(n.Content[i+1], key)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			key := at(strconv.Itoa(i))
			f.lines[key] = c.Line
			f.note(c, key)
		}
	}
}

var (
	yamlAt      = regexp.MustCompile(`line (\d+): `)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type .*$`)
	yamlPlace   = regexp.MustCompile(`^(yaml: )?(unmarshal errors:\s*)?(line \d+: )?`)
)

func yamlLine(text string) int {
	if m := yamlAt.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return line
	}
	return 0
}

func withoutLine(text string) string { return yamlPlace.ReplaceAllString(text, "") }

// noteYAML notes what a decoder found wrong, each at its line.
func noteYAML(n *notes, file string, err error) {
	problems := []string{err.Error()}
	if many, ok := errors.AsType[*yaml.TypeError](err); ok {
		problems = nil
		for _, e := range many.Errors {
			problems = append(problems, fmt.Sprint(e))
		}
	}
	for _, p := range problems {
		at := position{file, yamlLine(p)}
		text := withoutLine(p)
		if m := yamlUnknown.FindStringSubmatch(text); m != nil {
			n.add(at, "not carried over: %s: linuxkit knows no such field", m[1])
			continue
		}
		n.add(at, "not carried over: %s", text)
	}
}

// asJSON turns a value into what encoding/json makes of it.
func asJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out any
	err = decoder.Decode(&out)
	return out, err
}
