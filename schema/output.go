package schema

import (
	"path"
	"slices"
	"strings"
)

// Output is a copy of a package's image outside of the store.
type Output struct {
	// Type is local (a directory with the image's files), tar (they in an
	// archive), oci or docker (archives of the image).
	Type string
	// Dest is a path, absolute or relative to the workspace root, which it may
	// lead out of.
	Dest string
}

var outputTypes = []string{"local", "tar", "oci", "docker"}

// readOutputs reads output blocks, sorted by where they go.
func (ev *evaluation) readOutputs() {
	ev.out.Outputs = nil
	places := map[string]string{}
	for _, n := range ev.merged.nested["output"] {
		if !slices.Contains(outputTypes, n.label) {
			hint := didYouMean(n.label, outputTypes, nil)
			if slices.Contains([]string{"registry", "image"}, n.label) {
				hint = " The registry is where stowage apply --push puts images; nothing is to be declared for it."
			}
			ev.fail(n.labelRange, "Unknown type of output", "An output is %s, not %q.%s", oneOf(outputTypes), n.label, hint)
			continue
		}
		x := n.attributes["dest"]
		if x == nil {
			ev.fail(n.rng, "Missing attribute", "An output block needs dest = \"PATH\".")
			continue
		}
		dest, ok := ev.asString(x)
		if !ok {
			continue
		}
		full, err := dest, error(nil)
		if !path.IsAbs(dest) {
			full, err = resolve(x.scope.dir, dest)
		}
		if err != nil || dest == "" {
			ev.fail(x.Range(), "Bad path", "%q is no path that an output can go to.", dest)
			continue
		}
		full = path.Clean(full)
		if first, ok := places[full]; ok {
			ev.fail(x.Range(), "Duplicate output", "%s is where the output at %s goes.", dest, first)
			continue
		}
		places[full] = at(x.Range())
		ev.out.parts["output."+n.label] = n.rng
		ev.out.Outputs = append(ev.out.Outputs, Output{Type: n.label, Dest: full})
	}
	slices.SortFunc(ev.out.Outputs, func(a, b Output) int { return strings.Compare(a.Dest, b.Dest) })
}

// Outputs are where outputs and caches of all packages go, as far as is known
// while loading, sorted: absolute, or relative to the root.
func (w *Workspace) Outputs() []string {
	var out []string
	for _, d := range w.Packages {
		out = append(out, d.written...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// findWritten finds where outputs and caches go: also those of the configuration
// that the command line says otherwise about, since they may be there from
// another run.
func (d *Declaration) findWritten(env *environment) {
	d.written = d.prototype.written()
	if d.merged == d.block.merged {
		return
	}
	ev := env.newEvaluation(d, nil)
	ev.merged, ev.out = d.block.merged, newPackage(d, d.prototype.Platforms)
	ev.run([]string{"platforms", "cache_to", "output"}) // what is wrong with them does not count
	d.written = append(d.written, ev.out.written()...)
}

func (p *Package) written() []string {
	var out []string
	for _, c := range p.CacheTo {
		if c.Type == "local" {
			out = append(out, c.Attrs["dest"])
		}
	}
	for _, o := range p.Outputs {
		out = append(out, o.Paths(p.Platforms)...)
	}
	return out
}

// Paths are where the output goes for platforms: an archive for Docker holds one
// of them, so for several there is one for each, DEST-ARCH with the ending kept.
func (o Output) Paths(platforms []string) []string {
	if o.Type != "docker" || len(platforms) < 2 {
		return []string{o.Dest}
	}
	var out []string
	ext := path.Ext(o.Dest)
	for _, p := range platforms {
		_, arch, _ := strings.Cut(p, "/")
		out = append(out, strings.TrimSuffix(o.Dest, ext)+"-"+strings.ReplaceAll(arch, "/", "-")+ext)
	}
	return out
}

// checkOutputs refuses outputs that would lie over what images are made of.
func (l *loader) checkOutputs(ws *Workspace) {
	for _, d := range ws.Packages {
		for _, o := range d.prototype.Outputs {
			for _, other := range ws.Packages {
				if dir := other.prototype.Context; within(o.Dest, dir) {
					l.add(errorAt(d.prototype.Range("output."+o.Type), "Output over sources",
						"%q holds %q, the context of package %s: what is written there would be among its sources. Choose a directory of its own for the output.", o.Dest, dir, other.Name))
					break
				}
			}
		}
	}
}

// within reports whether a path is dir or below it.
func within(dir, name string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// parseOutput reads type=TYPE,dest=PATH, or a path, which is a directory.
func parseOutput(text string) (kind, dest, wrong string) {
	if !strings.Contains(text, "=") {
		return "local", text, ""
	}
	for field := range strings.SplitSeq(text, ",") {
		switch key, value, _ := strings.Cut(strings.TrimSpace(field), "="); key {
		case "type":
			kind = value
		case "dest":
			dest = value
		default:
			return "", "", key
		}
	}
	return kind, dest, ""
}
